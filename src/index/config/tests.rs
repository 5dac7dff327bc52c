use super::*;

fn discover(pairs: &[(&str, &str)], folder: &Path) -> Result<Access> {
    // An interpreter that cannot be: whoever asks pip here fails.
    Access::discover(&pairs.iter().copied().collect(), folder, Path::new("/nonexistent/python"))
}

fn simple(access: &Access) -> Vec<&str> {
    let urls = access.sources.iter().filter(|source| matches!(source, Source::Simple(_)));
    urls.map(|source| source.url().as_str()).collect()
}

#[test]
fn the_override_wins_and_starts_no_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let access = discover(
        &[
            (INDEX_URL, "https://me:secret@mine.test/simple"),
            ("UV_DEFAULT_INDEX", "https://uv.test/"),
            ("UV_INDEX", "https://more.test/"),
            ("SSL_CERT_FILE", "/some/roots.pem"),
            ("PIP_TRUSTED_HOST", "mine.test"),
            ("UV_HTTP_RETRIES", "7"),
        ],
        folder.path(),
    )
    .unwrap();
    assert_eq!(simple(&access), ["https://mine.test/simple/"]);
    assert_eq!(access.certificates.as_deref(), Some(Path::new("/some/roots.pem")));
    assert!(!format!("{access:?}").contains("secret"), "{access:?}");
    assert!(access.trusts(access.sources[0].url()));
    assert_eq!(access.retries, 7);
    assert!(access.credentials.header(access.sources[0].url()).is_some());
}

#[test]
fn uv_variables_name_indexes_and_their_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let access = discover(
        &[
            ("UV_DEFAULT_INDEX", "https://default.test/simple"),
            ("UV_INDEX", "team-one=https://one.test/ https://two.test/x"),
            ("UV_INDEX_TEAM_ONE_USERNAME", "me"),
            ("UV_INDEX_TEAM_ONE_PASSWORD", "hidden"),
            ("UV_INSECURE_HOST", "two.test"),
        ],
        folder.path(),
    )
    .unwrap();
    assert_eq!(simple(&access), ["https://one.test/", "https://two.test/x/", "https://default.test/simple/"]);
    assert_eq!(access.strategy, Strategy::FirstIndex);
    assert!(access.trusts(&Url::parse("http://two.test/x/").unwrap()));
    assert!(!access.trusts(&Url::parse("http://one.test/").unwrap()));
    let environment = access.uv_environment();
    let index = environment.iter().find(|(name, _)| *name == "UV_INDEX").unwrap();
    assert_eq!(index.1, "https://me:hidden@one.test/ https://two.test/x/");
    let default = environment.iter().find(|(name, _)| *name == "UV_DEFAULT_INDEX").unwrap();
    assert_eq!(default.1, "https://default.test/simple/");
}

#[test]
fn files_of_uv_are_read_project_first() {
    let folder = tempfile::tempdir().unwrap();
    let (project, home) = (folder.path().join("project/sub"), folder.path().join("home"));
    std::fs::create_dir_all(&project).unwrap();
    std::fs::create_dir_all(home.join("uv")).unwrap();
    std::fs::create_dir_all(folder.path().join("project/wheels")).unwrap();
    let text = "[project]\nname = \"x\"\n[tool.uv]\nfind-links = [\"wheels\"]\n\
        [[tool.uv.index]]\nname = \"a\"\nurl = \"https://a.test/\"\n\
        [[tool.uv.index]]\nname = \"torch\"\nurl = \"https://b.test/\"\nexplicit = true\n";
    std::fs::write(folder.path().join("project/pyproject.toml"), text).unwrap();
    std::fs::write(home.join("uv/uv.toml"), "native-tls = true\nindex-url = \"https://user.test/\"\n")
        .unwrap();
    let home = home.to_string_lossy().into_owned();
    let access = discover(&[("XDG_CONFIG_HOME", &home)], &project).unwrap();
    assert_eq!(simple(&access), ["https://a.test/", "https://user.test/"]);
    assert!(matches!(&access.sources[0], Source::Links(url) if url.path().ends_with("/project/wheels")
        || url.path().ends_with("/project/wheels/")));
}

#[test]
fn a_broken_file_is_named_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uv.toml");
    std::fs::write(&path, "x = 1\nindex-url = https://me:s3cret@host.test/\n").unwrap();
    let path = path.to_string_lossy().into_owned();
    let error = discover(&[("UV_CONFIG_FILE", &path)], folder.path()).unwrap_err();
    assert_eq!(error.code(), Code::IndexConfig);
    assert!(error.to_string().contains("line 2") && !error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn without_any_configuration_pip_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let error = discover(&[("UV_NO_CONFIG", "1")], folder.path()).unwrap_err();
    assert!(error.headline().contains("/nonexistent/python"), "{error}");
}

#[test]
fn a_links_folder_that_is_gone_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let access = discover(
        &[("UV_DEFAULT_INDEX", "https://a.test/"), ("UV_FIND_LINKS", "/nonexistent/wheels,https://b.test/l")],
        folder.path(),
    )
    .unwrap();
    assert_eq!(access.sources.len(), 2, "{:?}", access.sources);
    assert_eq!(access.sources[0], Source::Links(Url::parse("https://b.test/l").unwrap()));
}
