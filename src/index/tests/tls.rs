//! Certificates, against a real HTTPS server.

use super::*;

/// An HTTPS server on the loopback interface whose certificate is signed by an authority nobody knows.
struct TlsServer {
    process: std::process::Child,
    folder: tempfile::TempDir,
    port: String,
}

const TLS_SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<a href='demo-1.0.tar.gz'>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("leaf.pem", "leaf.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

impl TlsServer {
    fn start() -> Self {
        use std::io::BufRead;
        let folder = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let output = std::process::Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        std::fs::write(folder.path().join("leaf.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout root.key -out root.pem",
        );
        openssl("req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout leaf.key -out leaf.csr");
        openssl(
            "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.pem",
        );
        let mut process = std::process::Command::new("python3")
            .args(["-c", TLS_SERVER])
            .current_dir(folder.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        std::io::BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, folder, port: port.trim().to_owned() }
    }

    fn index(&self, more: &[(&str, &str)]) -> Index {
        index_at(&format!("https://127.0.0.1:{}/simple", self.port), more, false).0
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn certificates_are_checked_and_the_users_own_authority_is_trusted() {
    if which::which("openssl").is_err() {
        println!("SKIP: there is no openssl to make certificates with");
        return;
    }
    let server = TlsServer::start();
    let error = server.index(&[]).files("demo").unwrap_err();
    assert_eq!(error.code(), Code::Network);
    assert!(error.hints()[0].contains("SSL_CERT_FILE="), "{error:?}");
    let roots = server.folder.path().join("root.pem");
    for variable in ["SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"] {
        server.index(&[(variable, roots.to_str().unwrap())]).files("demo").unwrap();
    }
    server.index(&[("PIP_TRUSTED_HOST", "127.0.0.1")]).files("demo").unwrap();
}
