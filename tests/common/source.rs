//! Tiny source distributions.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use super::Room;

/// What builds the tiny packages: a floor that every interpreter of the tests has a release for.
pub const REQUIRES: &str = "setuptools>=77";

/// A project that is being written.
#[derive(Clone)]
pub struct Source {
    name: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Source {
    /// A project with nothing in it but PKG-INFO.
    pub fn new(name: &str) -> Self {
        let pkg_info = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n");
        Self { name: name.to_owned(), files: BTreeMap::new() }.file("PKG-INFO", &pkg_info)
    }

    /// An extension `NAME` of one C file whose function `answer` gives `answer`.
    pub fn c(name: &str, answer: i32) -> Self {
        let setup = format!("ext_modules=[Extension({name:?}, ['{name}.c'])]");
        Self::new(name)
            .setuptools()
            .file("setup.py", setup_py(name, &setup))
            .file(&format!("{name}.c"), c_module(name, "", &answer.to_string()))
    }

    /// A module without an extension.
    pub fn pure(name: &str) -> Self {
        Self::new(name)
            .setuptools()
            .file("setup.py", setup_py(name, &format!("py_modules=[{name:?}]")))
            .file(&format!("{name}.py"), "answer = 42\n")
    }

    /// A setup.py with `setup` in place of what would be built.
    pub fn with_setup(name: &str, setup: &str) -> Self {
        Self::new(name).setuptools().file("setup.py", setup)
    }

    fn setuptools(self) -> Self {
        self.requires(&[REQUIRES])
    }

    /// Is built with setuptools and `requires`.
    pub fn requires(self, requires: &[&str]) -> Self {
        let text =
            format!("[build-system]\nrequires = {requires:?}\nbuild-backend = 'setuptools.build_meta'\n");
        self.file("pyproject.toml", &text)
    }

    /// Adds or replaces a file.
    pub fn file(mut self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(name.to_owned(), text.as_ref().to_vec());
        self
    }

    /// Leaves a file out.
    pub fn without(mut self, name: &str) -> Self {
        self.files.remove(name);
        self
    }

    /// The tar archive, not compressed. Its bytes depend on nothing else.
    pub fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{}-1.0/{name}", self.name), bytes.as_slice()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    /// `NAME-1.0.tar.gz` in the room.
    pub fn sdist(&self, room: &Room) -> PathBuf {
        let path = room.join(format!("{}-1.0.tar.gz", self.name));
        let mut gz = flate2::GzBuilder::new()
            .mtime(0)
            .write(File::create(&path).unwrap(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, &self.tar()).unwrap();
        gz.finish().unwrap();
        path
    }

    /// The files in a folder of the room.
    pub fn folder(&self, room: &Room, folder: &str) -> PathBuf {
        for (name, bytes) in &self.files {
            room.write(&format!("{folder}/{name}"), bytes);
        }
        room.join(folder)
    }
}

/// A setup.py that calls `setup` with a name, a version and `arguments`.
pub fn setup_py(name: &str, arguments: &str) -> String {
    format!("from setuptools import Extension, setup\nsetup(name={name:?}, version='1.0', {arguments})\n")
}

/// A C module: `head` before its function `answer`, which returns the C expression `answer`.
pub fn c_module(name: &str, head: &str, answer: &str) -> String {
    format!(
        "#include <Python.h>\n{head}\n\
         static PyObject *answer(PyObject *self, PyObject *none) {{ return PyLong_FromLong({answer}); }}\n\
         static PyMethodDef methods[] = {{{{\"answer\", answer, METH_NOARGS, 0}}, {{0, 0, 0, 0}}}};\n\
         static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, \"{name}\", 0, -1, methods}};\n\
         PyMODINIT_FUNC PyInit_{name}(void) {{ return PyModule_Create(&module); }}\n"
    )
}

/// A backend that lies in the project itself and needs nothing: it writes one module that holds the
/// settings it was given.
const BACKEND: &str = r#"
import base64, hashlib, os, zipfile
def build_wheel(out, config_settings=None, metadata_directory=None):
    info = "NAME-1.0.dist-info/"
    files = {
        "NAME.py": "settings = %r\n" % (config_settings or {},),
        info + "METADATA": "Metadata-Version: 2.1\nName: NAME\nVersion: 1.0\n",
        info + "WHEEL": "Wheel-Version: 1.0\nGenerator: tiny\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(os.path.join(out, "NAME-1.0-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += "%s,sha256=%s,%d\n" % (name, digest, len(text.encode()))
            wheel.writestr(name, text)
        wheel.writestr(info + "RECORD", record + info + "RECORD,,\n")
    return "NAME-1.0-py3-none-any.whl"
"#;

impl Source {
    /// A project whose backend comes with it (PEP 517, `backend-path`), the fastest there is to build.
    pub fn in_tree(name: &str) -> Self {
        let text = "[build-system]\nrequires = []\nbuild-backend = 'own'\nbackend-path = ['backend']\n";
        Self::new(name).file("pyproject.toml", text).file("backend/own.py", BACKEND.replace("NAME", name))
    }
}
