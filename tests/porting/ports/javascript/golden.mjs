// Reading golden vectors and writing a port's numbers: safetensors, in plain JavaScript. shared/fixtures/README.md has the
// format.
import { readFileSync, writeFileSync } from "node:fs";

const TYPES = {
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  I64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  I32: [4, (view, at) => view.getInt32(at, true)],
  I16: [2, (view, at) => view.getInt16(at, true)],
  I8: [1, (view, at) => view.getInt8(at)],
  BOOL: [1, (view, at) => view.getUint8(at)],
};

// {tensors: {name: {shape, data}}, cases: what the metadata say of every case}; data is a Float64Array.
export function read(file) {
  const bytes = readFileSync(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString("utf8"));
  const tensors = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { dtype, shape, data_offsets: [begin, end] } = entry, [width, number] = TYPES[dtype];
    const data = new Float64Array((end - begin) / width);
    for (let k = 0; k < data.length; k++) data[k] = number(view, 8 + length + begin + k * width);
    tensors[name] = { shape, data };
  }
  return { tensors, cases: JSON.parse(header.__metadata__.cases) };
}

// tensors: {name: {shape, data}}, written as float64 or, where `whole` is set, as int64.
export function write(file, tensors) {
  const header = {};
  let offset = 0;
  for (const [name, { shape, data, whole }] of Object.entries(tensors)) {
    header[name] = { dtype: whole ? "I64" : "F64", shape, data_offsets: [offset, offset + 8 * data.length] };
    offset += 8 * data.length;
  }
  let text = Buffer.from(JSON.stringify(header));
  text = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const bytes = Buffer.alloc(8 + text.length + offset);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setBigUint64(0, BigInt(text.length), true);
  text.copy(bytes, 8);
  let at = 8 + text.length;
  for (const { data, whole } of Object.values(tensors))
    for (const number of data) {
      if (whole) view.setBigInt64(at, BigInt(number), true);
      else view.setFloat64(at, number, true);
      at += 8;
    }
  writeFileSync(file, bytes);
}
