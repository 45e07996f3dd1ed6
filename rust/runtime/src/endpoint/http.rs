//! As much of HTTP/1.1 as two pages need: a head is read strictly, an answer is written whole.
//! Pure: bytes in, bytes out.

/// Longest request line and headers together, in bytes.
pub const MAX_HEAD_BYTES: usize = 8 << 10;

/// The pages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/metrics`.
    Metrics,
    /// `/stats.json`.
    Stats,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub page: Page,
    /// HEAD: the client wants no body.
    pub head_only: bool,
}

/// Why it gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Malformed,
    NoSuchPage,
    Method,
    TooSlow,
    TooLong,
    Version,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: &'static str,
    pub content_type: &'static str,
    pub body: String,
    /// Headers of this answer alone, each with its line end.
    pub extra: &'static str,
}

/// Where the head ends, if all of it is there.
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    let end = b"\r\n\r\n";
    let at = bytes.windows(end.len()).position(|it| it == end)?;
    Some(at + end.len())
}

/// Reads a head that ends with an empty line.
pub fn parse(head: &[u8]) -> Result<Request, Refusal> {
    let text = std::str::from_utf8(head).map_err(|_| Refusal::Malformed)?;
    let text = text.strip_suffix("\r\n\r\n").ok_or(Refusal::Malformed)?;
    if text.contains(|c: char| c.is_ascii_control() && !matches!(c, '\r' | '\n' | '\t')) {
        return Err(Refusal::Malformed);
    }
    let mut lines = text.split("\r\n");
    let request_line = lines.next().unwrap_or_default();
    let mut words = request_line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::Malformed);
    };
    let hosts = check_headers(lines)?;
    match version {
        "HTTP/1.1" if hosts != 1 => return Err(Refusal::Malformed),
        "HTTP/1.1" | "HTTP/1.0" => {}
        other if other.starts_with("HTTP/") => return Err(Refusal::Version),
        _ => return Err(Refusal::Malformed),
    }
    if !is_token(method) || !target.starts_with('/') {
        return Err(Refusal::Malformed);
    }
    let head_only = match method {
        "GET" => false,
        "HEAD" => true,
        _ => return Err(Refusal::Method),
    };
    let page = match target.split('?').next() {
        Some("/metrics") => Page::Metrics,
        Some("/stats.json") => Page::Stats,
        _ => return Err(Refusal::NoSuchPage),
    };
    Ok(Request { page, head_only })
}

/// Each line is `name: value`. Returns how many of them name a host.
fn check_headers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<usize, Refusal> {
    let mut hosts = 0;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Refusal::Malformed)?;
        if !is_token(name) || value.contains(['\r', '\n']) {
            return Err(Refusal::Malformed);
        }
        hosts += usize::from(name.eq_ignore_ascii_case("host"));
    }
    Ok(hosts)
}

/// The characters that methods and the names of headers are made of.
fn is_token(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(legal)
}

impl Refusal {
    /// The answer that says so.
    pub fn response(self) -> Response {
        let (status, text) = match self {
            Self::Malformed => ("400 Bad Request", "this is not an HTTP/1.1 request\n"),
            Self::NoSuchPage => ("404 Not Found", "the pages are /metrics and /stats.json\n"),
            Self::Method => ("405 Method Not Allowed", "only GET and HEAD\n"),
            Self::TooSlow => ("408 Request Timeout", "the request took too long\n"),
            Self::TooLong => (
                "431 Request Header Fields Too Large",
                "a request has at most 8 KiB\n",
            ),
            Self::Version => ("505 HTTP Version Not Supported", "only HTTP/1.1 and 1.0\n"),
        };
        Response {
            extra: match self {
                Self::Method => "Allow: GET, HEAD\r\n",
                _ => "",
            },
            ..Response::plain(status, text.into())
        }
    }
}

impl Response {
    /// A text for people.
    pub fn plain(status: &'static str, body: String) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body,
            extra: "",
        }
    }

    /// The bytes to send. To HEAD everything but the body.
    pub fn bytes(&self, head_only: bool) -> Vec<u8> {
        let mut text = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             Connection: close\r\n{}\r\n",
            self.status,
            self.content_type,
            self.body.len(),
            self.extra
        );
        if !head_only {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(head: &str) -> Result<Request, Refusal> {
        assert_eq!(head_length(head.as_bytes()), Some(head.len()), "{head:?}");
        parse(head.as_bytes())
    }

    #[test]
    fn what_clients_send_is_understood() {
        for (head, page, head_only) in [
            (
                "GET /metrics HTTP/1.1\r\nHost: a:1\r\n\r\n",
                Page::Metrics,
                false,
            ),
            (
                "HEAD /stats.json HTTP/1.1\r\nhOsT:\r\nA: b: c\r\n\r\n",
                Page::Stats,
                true,
            ),
            ("GET /metrics?x=/y HTTP/1.0\r\n\r\n", Page::Metrics, false),
        ] {
            assert_eq!(parsed(head), Ok(Request { page, head_only }), "{head:?}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let host = "Host: a\r\n\r\n";
        for (head, refusal) in [
            (format!("GET / HTTP/1.1\r\n{host}"), Refusal::NoSuchPage),
            (
                format!("GET /metrics/ HTTP/1.1\r\n{host}"),
                Refusal::NoSuchPage,
            ),
            (
                format!("GET /../metrics HTTP/1.1\r\n{host}"),
                Refusal::NoSuchPage,
            ),
            (format!("POST /metrics HTTP/1.1\r\n{host}"), Refusal::Method),
            (format!("get /metrics HTTP/1.1\r\n{host}"), Refusal::Method),
            (format!("GET /metrics HTTP/2\r\n{host}"), Refusal::Version),
            (
                format!("GET /metrics HTTP/1.1\r\n{host}").replace("Host", "Hose"),
                Refusal::Malformed,
            ),
            (
                format!("GET /metrics HTTP/1.1\r\nHost: b\r\n{host}"),
                Refusal::Malformed,
            ),
            (
                format!("GET http://a/metrics HTTP/1.1\r\n{host}"),
                Refusal::Malformed,
            ),
            (
                format!("GET  /metrics HTTP/1.1\r\n{host}"),
                Refusal::Malformed,
            ),
            (format!("GET /metrics\r\n{host}"), Refusal::Malformed),
            (
                format!("G(T /metrics HTTP/1.1\r\n{host}"),
                Refusal::Malformed,
            ),
            (
                format!("GET /metrics HTTP/1.1\r\n folded\r\n{host}"),
                Refusal::Malformed,
            ),
            (
                format!("GET /metrics HTTP/1.1\r\nA : b\r\n{host}"),
                Refusal::Malformed,
            ),
            (
                format!("GET /metrics HTTP/1.1\r\nA: b\nC: d\r\n{host}"),
                Refusal::Malformed,
            ),
            (
                format!("GET /metrics HTTP/1.1\r\nA: \0\r\n{host}"),
                Refusal::Malformed,
            ),
            ("\r\n\r\n".into(), Refusal::Malformed),
        ] {
            assert_eq!(parsed(&head), Err(refusal), "{head:?}");
        }
        assert_eq!(parse(b"\xff\r\n\r\n"), Err(Refusal::Malformed));
        assert_eq!(head_length(b"GET /metrics HTTP/1.1\r\n\n\r"), None);
    }

    #[test]
    fn an_answer_says_how_long_it_is() {
        let response = Refusal::Method.response();
        let text = String::from_utf8(response.bytes(false)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("\r\nAllow: GET, HEAD"));
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
        assert_eq!(response.bytes(true), format!("{head}\r\n\r\n").into_bytes());
    }
}
