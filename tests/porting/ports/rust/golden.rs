// Reading golden vectors and writing a port's numbers: safetensors, with the standard library alone.
// shared/fixtures/README.md has the format.
#![allow(dead_code)]
use std::fs;

#[derive(Clone, Debug, Default)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

pub struct Golden {
    header: String,
    data: Vec<u8>,
}

impl Golden {
    pub fn open(path: &str) -> Golden {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = String::from_utf8(bytes[8..8 + n].to_vec()).unwrap();
        Golden { header, data: bytes[8 + n..].to_vec() }
    }

    // What the header says of a tensor. Quotes inside the metadata are escaped, so a key is found by its quotes.
    fn entry(&self, name: &str) -> Option<&str> {
        let key = format!("\"{name}\"");
        let at = self.header.find(&key)? + key.len();
        let end = at + self.header[at..].find('}')?;
        Some(&self.header[at..end])
    }

    pub fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    // A tensor as f64, whatever it is stored as.
    pub fn read(&self, name: &str) -> Tensor {
        let entry = self.entry(name).unwrap_or_else(|| panic!("no tensor {name}"));
        let shape = numbers(entry, "shape");
        let offsets = numbers(entry, "data_offsets");
        let raw = &self.data[offsets[0]..offsets[1]];
        let dtype = text(entry, "dtype");
        let data = match dtype {
            "F64" => raw.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            "F32" => raw.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
            "I64" => raw.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
            "I32" => raw.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
            "BOOL" => raw.iter().map(|&b| b as f64).collect(),
            other => panic!("{name}: unknown type {other}"),
        };
        Tensor { shape, data }
    }

    // A number among the keyword arguments of a case. The metadata is JSON within a JSON string: quotes have a backslash.
    pub fn number(&self, label: &str, keyword: &str) -> f64 {
        let case = self.header.find(&format!("\\\"{label}\\\": {{")).unwrap_or_else(|| panic!("no case {label}"));
        let key = format!("\\\"{keyword}\\\": ");
        let at = case + self.header[case..].find(&key).unwrap_or_else(|| panic!("no number {keyword}")) + key.len();
        let end = self.header[at..].find([',', '}']).unwrap();
        self.header[at..at + end].trim().parse().unwrap()
    }
}

fn text<'a>(entry: &'a str, key: &str) -> &'a str {
    let after = &entry[entry.find(&format!("\"{key}\"")).unwrap() + key.len() + 2..];
    after.split('"').nth(1).unwrap()
}

fn numbers(entry: &str, key: &str) -> Vec<usize> {
    let after = &entry[entry.find(&format!("\"{key}\"")).unwrap()..];
    let list = &after[after.find('[').unwrap() + 1..after.find(']').unwrap()];
    list.split(',').filter(|x| !x.trim().is_empty()).map(|x| x.trim().parse().unwrap()).collect()
}

// --- a port's numbers ----------------------------------------------------------------------------------------------------

#[derive(Default)]
pub struct Numbers {
    tensors: Vec<(String, &'static str, Vec<usize>, Vec<u8>)>,
}

impl Numbers {
    pub fn put(&mut self, name: String, shape: &[usize], data: &[f64]) {
        let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensors.push((name, "F64", shape.to_vec(), bytes));
    }

    pub fn put_whole(&mut self, name: String, value: i64) {
        self.tensors.push((name, "I64", vec![], value.to_le_bytes().to_vec()));
    }

    pub fn write(&self, path: &str) {
        let (mut entries, mut data) = (vec![], vec![]);
        for (name, dtype, shape, bytes) in &self.tensors {
            let (begin, end) = (data.len(), data.len() + bytes.len());
            entries.push(format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{begin},{end}]}}"));
            data.extend_from_slice(bytes);
        }
        let mut header = format!("{{{}}}", entries.join(","));
        header.push_str(&" ".repeat((8 - header.len() % 8) % 8));
        let whole = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
        fs::write(path, whole).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}
