//! What a registry asks for before it answers: a password, or a token of its realm (RFC 9110; "Token
//! Authentication" of the distribution project).

use ureq::http;
use url::Url;

use super::client::{Body, Call, Client, shown};
use super::credentials::Credentials;
use crate::report::{Code, Error, Result};

impl Client {
    /// The Authorization header that a challenge asks for; none when the user is nobody there.
    pub(super) fn token(&self, challenge: &str, scope: &str) -> Result<Option<String>> {
        let (kind, fields) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if kind.eq_ignore_ascii_case("basic") {
            return Ok(self.credentials.as_ref().and_then(Credentials::basic));
        }
        if !kind.eq_ignore_ascii_case("bearer") {
            return Ok(None);
        }
        let fields = parameters(fields);
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let Some(mut realm) = field("realm").and_then(|realm| Url::parse(realm).ok()) else {
            return Ok(None);
        };
        let mut form: Vec<(&str, String)> = Vec::new();
        if let Some(service) = field("service") {
            form.push(("service", service.to_owned()));
        }
        for part in scope.split(' ').filter(|part| !part.is_empty()) {
            form.push(("scope", part.to_owned()));
        }
        self.check_scheme(&realm)?;
        let mut call = Call {
            method: http::Method::GET,
            url: realm.clone(),
            headers: Vec::new(),
            body: Body::None,
            scope: String::new(),
        };
        let text;
        let answer = match &self.credentials {
            Some(Credentials::Token(token)) => {
                form.push(("grant_type", "refresh_token".to_owned()));
                form.push(("client_id", "wheelbuild".to_owned()));
                form.push(("refresh_token", token.clone()));
                let mut body = url::form_urlencoded::Serializer::new(String::new());
                form.iter().for_each(|(key, value)| {
                    body.append_pair(key, value);
                });
                text = body.finish();
                call.method = http::Method::POST;
                call.headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
                call.body = Body::Bytes(text.as_bytes());
                self.one(&call, &realm, None)?
            }
            other => {
                for (key, value) in &form {
                    realm.query_pairs_mut().append_pair(key, value);
                }
                let basic = other.as_ref().and_then(Credentials::basic);
                self.one(&call, &realm, basic.as_deref())?
            }
        };
        if answer.status != 200 {
            return Err(answer.refusal());
        }
        let said: serde_json::Value = serde_json::from_slice(&answer.bytes(1 << 20)?)
            .map_err(|_| Error::new(Code::Registry, format!("{} gives no token", shown(&realm))))?;
        let token = said["token"].as_str().or(said["access_token"].as_str());
        Ok(token.map(|token| format!("Bearer {token}")))
    }
}

/// `key="value",key=value` of a challenge (RFC 9110).
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches([' ', ',']).to_ascii_lowercase();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((key, value.to_owned()));
        rest = left.trim_start_matches([' ', ',']);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let text = r#"realm="https://auth.test/token",service="reg.test",scope="repository:a/b:pull,push", error=invalid"#;
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            parameters(text),
            [
                pair("realm", "https://auth.test/token"),
                pair("service", "reg.test"),
                pair("scope", "repository:a/b:pull,push"),
                pair("error", "invalid"),
            ]
        );
        assert!(parameters("").is_empty());
    }
}
