use std::io::Write;

use super::*;
use crate::index::Page;

/// A wheel with a METADATA and nothing else.
fn wheel(folder: &Path, file: &str, name: &str, version: &str) {
    fs::create_dir_all(folder).unwrap();
    let mut zip = zip::ZipWriter::new(File::create(folder.join(file)).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file(format!("{}-{version}.dist-info/METADATA", name.replace('-', "_")), options).unwrap();
    let text =
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.9,<4\n");
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap();
}

fn read(root: &Path, project: &str) -> (Page, Page) {
    let at = |name: &str| root.join(SIMPLE).join(project).join(name);
    let base = url::Url::from_file_path(at(HTML)).unwrap();
    (
        Page::from_html(&fs::read_to_string(at(HTML)).unwrap(), &base).unwrap(),
        Page::from_json(&fs::read(at(JSON)).unwrap(), &base).unwrap(),
    )
}

#[test]
fn pages_lead_to_the_files_with_their_digests_and_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    wheel(&root.join(FILES), "zope_x-1!1.0+cpu-py3-none-any.whl", "Zope.X", "1!1.0+cpu");
    wheel(root, "a-2-py3-none-any.whl", "a", "2");
    wheel(root, "a-10-py3-none-any.whl", "a", "10");
    fs::write(root.join("a-2.tar.gz"), "sources").unwrap();
    fs::write(root.join("notes.txt"), "").unwrap();
    fs::write(root.join(".a-3-py3-none-any.whl"), "half").unwrap();
    assert_eq!(index(root, &Report::silent()).unwrap(), Indexed { projects: 2, files: 4 });
    let (html, json) = read(root, "zope-x");
    for page in [&html, &json] {
        let file = &page.files[0];
        assert_eq!(file.filename, "zope_x-1!1.0+cpu-py3-none-any.whl");
        let path = file.url.to_file_path().unwrap();
        assert_eq!(file.sha256, Some(crate::cache::Digest::of_file(&path).unwrap().to_string()));
        assert_eq!(file.requires_python.as_deref(), Some(">=3.9,<4"));
        let metadata = fs::read(path.with_file_name(format!("{}.metadata", file.filename))).unwrap();
        let sha256 = file.metadata.as_ref().unwrap().sha256.clone();
        assert_eq!(sha256, Some(crate::cache::Digest::of(&metadata).to_string()));
    }
    assert!(json.files[0].url.as_str().contains("%2Bcpu"));
    let (html, json) = read(root, "a");
    let names = |page: &Page| page.files.iter().map(|file| file.filename.clone()).collect::<Vec<_>>();
    assert_eq!(names(&html), ["a-2-py3-none-any.whl", "a-2.tar.gz", "a-10-py3-none-any.whl"]);
    assert_eq!(names(&html), names(&json));
    assert_eq!((html.files[1].metadata.is_none(), json.files[1].size), (true, Some(7)));
}

#[test]
fn what_is_gone_leaves_the_index_and_the_rest_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    wheel(root, "a-1-py3-none-any.whl", "a", "1");
    wheel(root, "b-1-py3-none-any.whl", "b", "1");
    index(root, &Report::silent()).unwrap();
    let page = root.join("simple/a/index.html");
    let before = page.metadata().unwrap().modified().unwrap();
    fs::remove_file(root.join("b-1-py3-none-any.whl")).unwrap();
    fs::create_dir(root.join("simple/foreign")).unwrap();
    index(root, &Report::silent()).unwrap();
    assert!(!root.join("simple/b").exists() && root.join("simple/foreign").exists());
    assert!(!fs::read_to_string(root.join("simple/index.html")).unwrap().contains("\"b/\""));
    assert_eq!(page.metadata().unwrap().modified().unwrap(), before);
}

#[test]
fn a_wheel_that_is_not_what_its_name_says_is_refused_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    wheel(root, "a-1-py3-none-any.whl", "a", "1");
    index(root, &Report::silent()).unwrap();
    let before = fs::read(root.join("simple/a/index.html")).unwrap();
    wheel(root, "a-2-py3-none-any.whl", "a", "3");
    assert_eq!(index(root, &Report::silent()).unwrap_err().code(), Code::BadWheel);
    fs::write(root.join("a-2-py3-none-any.whl"), "no zip").unwrap();
    assert!(index(root, &Report::silent()).is_err());
    assert_eq!(fs::read(root.join("simple/a/index.html")).unwrap(), before);
    let error = index(&root.join("absent"), &Report::silent()).unwrap_err();
    assert_eq!(error.code(), Code::InputNotFound);
}

#[test]
fn a_reader_never_sees_a_page_that_is_not_whole() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    wheel(root, "a-0-py3-none-any.whl", "a", "0");
    index(root, &Report::silent()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..30 {
                wheel(root, &format!("a-{version}-py3-none-any.whl"), "a", &version.to_string());
                index(root, &Report::silent()).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let mut seen = 0;
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let text = fs::read_to_string(root.join("simple/a/index.html")).unwrap();
            assert!(text.ends_with("</html>\n"));
            let count = text.matches("<a ").count();
            assert!(count >= seen);
            seen = count;
            let (page, _) = read(root, "a");
            for file in page.files {
                let path = file.url.to_file_path().unwrap();
                assert!(
                    path.is_file() && path.with_file_name(format!("{}.metadata", file.filename)).is_file()
                );
            }
        }
    });
}
