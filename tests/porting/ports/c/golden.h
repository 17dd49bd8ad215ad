// Reading golden vectors and writing a port's numbers: safetensors, in plain C99. shared/fixtures/README.md has the format.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int ndim; long shape[8], size; double *data; } Tensor;
typedef struct { char *header, *data; uint64_t length; } Golden;

static void stop(const char *what, const char *name) { fprintf(stderr, "%s: %s\n", what, name); exit(1); }

static void *room(size_t bytes) {
    void *found = calloc(bytes ? bytes : 1, 1);
    if (!found) stop("no memory", "calloc");
    return found;
}

static Golden golden_open(const char *path) {
    FILE *file = fopen(path, "rb");
    uint64_t n;
    if (!file || fread(&n, 8, 1, file) != 1) stop("cannot be read", path);   // little-endian, as this machine is
    fseek(file, 0, SEEK_END);
    uint64_t total = ftell(file);
    if (total < 8 || n > total - 8) stop("no safetensors file", path);
    Golden golden = {room(n + 1), room(total - 8 - n), total - 8 - n};
    fseek(file, 8, SEEK_SET);
    if (fread(golden.header, 1, n, file) != n || fread(golden.data, 1, golden.length, file) != golden.length)
        stop("cut off", path);
    fclose(file);
    return golden;
}

// Where the header describes a tensor, or NULL. Quotes inside the metadata are escaped, so a key is found by its quotes.
static char *golden_find(Golden golden, const char *name) {
    char key[320];
    snprintf(key, sizeof key, "\"%s\"", name);
    char *at = strstr(golden.header, key);
    return at ? at + strlen(key) : NULL;
}

static int golden_has(Golden golden, const char *name) { return golden_find(golden, name) != NULL; }

// A tensor as doubles, whatever it is stored as.
static Tensor golden_read(Golden golden, const char *name) {
    char *at = golden_find(golden, name), *next;
    if (!at) stop("no such tensor", name);
    char *dtype = strstr(at, "\"dtype\""), *shape = strstr(at, "\"shape\""), *offsets = strstr(at, "\"data_offsets\"");
    if (!dtype || !shape || !offsets) stop("damaged header", name);
    dtype = strchr(dtype + 7, '"') + 1;
    Tensor tensor = {0, {0}, 1, NULL};
    for (at = strchr(shape, '[') + 1; *at != ']' && tensor.ndim < 8; at = *next == ',' ? next + 1 : next) {
        tensor.shape[tensor.ndim] = strtol(at, &next, 10);
        tensor.size *= tensor.shape[tensor.ndim++];
    }
    uint64_t begin = strtoull(strchr(offsets, '[') + 1, &next, 10), end = strtoull(next + 1, NULL, 10);
    int width = !strncmp(dtype, "BOOL", 4) ? 1 : dtype[1] == '6' ? 8 : 4;
    if (end > golden.length || end - begin != (uint64_t)(tensor.size * width)) stop("damaged header", name);
    tensor.data = room(tensor.size * sizeof(double));
    for (long i = 0; i < tensor.size; i++) {
        char *raw = golden.data + begin + i * width;
        float f; double d; int32_t s; int64_t l;
        if (width == 1) tensor.data[i] = *raw;
        else if (dtype[0] == 'F' && width == 8) { memcpy(&d, raw, 8); tensor.data[i] = d; }
        else if (dtype[0] == 'F') { memcpy(&f, raw, 4); tensor.data[i] = f; }
        else if (width == 8) { memcpy(&l, raw, 8); tensor.data[i] = (double)l; }
        else { memcpy(&s, raw, 4); tensor.data[i] = s; }
    }
    return tensor;
}

// A number among the keyword arguments of a case. The metadata is JSON within a JSON string, its quotes have a backslash.
static inline double golden_number(Golden golden, const char *label, const char *keyword) {
    char key[320];
    snprintf(key, sizeof key, "\\\"%s\\\": {", label);
    char *at = strstr(golden.header, key);
    snprintf(key, sizeof key, "\\\"%s\\\": ", keyword);
    if (!at || !(at = strstr(at, key))) stop("no such number", keyword);
    return strtod(at + strlen(key), NULL);
}

// --- a port's numbers ----------------------------------------------------------------------------------------------------

static struct { char name[300]; int whole; Tensor tensor; } written[20000];
static int count;

// Keeps a copy, as float64 or, for whole numbers, as int64.
static void put(const char *name, int whole, int ndim, const long *shape, const double *data) {
    Tensor tensor = {ndim, {0}, 1, NULL};
    for (int k = 0; k < ndim; k++) tensor.size *= tensor.shape[k] = shape[k];
    tensor.data = room(tensor.size * sizeof(double));
    if (tensor.size) memcpy(tensor.data, data, tensor.size * sizeof(double));
    if (count == 20000) stop("too many tensors", name);
    snprintf(written[count].name, sizeof written[count].name, "%s", name);
    written[count].whole = whole;
    written[count++].tensor = tensor;
}

static void golden_write(const char *path) {
    char *header = room(400 * (size_t)count + 10), *at = header;
    long offset = 0;
    at += sprintf(at, "{");
    for (int i = 0; i < count; i++) {
        Tensor t = written[i].tensor;
        at += sprintf(at, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", written[i].name, written[i].whole ? "I64" : "F64");
        for (int k = 0; k < t.ndim; k++) at += sprintf(at, "%s%ld", k ? "," : "", t.shape[k]);
        at += sprintf(at, "],\"data_offsets\":[%ld,%ld]}", offset, offset + 8 * t.size);
        offset += 8 * t.size;
    }
    at += sprintf(at, "}");
    while ((at - header) % 8) *at++ = ' ';
    uint64_t n = at - header;
    FILE *file = fopen(path, "wb");
    if (!file) stop("cannot be written", path);
    fwrite(&n, 8, 1, file);
    fwrite(header, 1, n, file);
    for (int i = 0; i < count; i++)
        for (long k = 0; k < written[i].tensor.size; k++) {
            int64_t whole = (int64_t)written[i].tensor.data[k];
            fwrite(written[i].whole ? (void *)&whole : (void *)&written[i].tensor.data[k], 8, 1, file);
        }
    if (fclose(file)) stop("cannot be written", path);
}
