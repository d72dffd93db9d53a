//! What a tenant's Jira answers: status in two bytes, header lines, an empty line, body.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use latchkey::atlassian::jira::answer::{Said, judge, read_administers, read_groups, read_person};
use latchkey::model::AccountId;
use latchkey::outbound::Answer;

pub fn run(bytes: &[u8]) {
    let Some(([high, low], rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let status = 100 + (u16::from(*high) * 256 + u16::from(*low)) % 500;
    let end = rest.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = rest.split_at(end.unwrap_or(rest.len()));
    let body = body.get(2..).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let account = AccountId("557058:a".to_owned());
    if let Some(person) = read_person(body, &account) {
        assert!(!person.display_name.is_empty());
        assert!(!person.display_name.contains(char::is_control));
    }
    // Neither panics, and what one reads the other cannot.
    let granted = read_administers(body);
    assert!(granted.is_none() || read_groups(body).is_none());
    let answer = Answer {
        status: StatusCode::from_u16(status).expect("it is a status"),
        headers,
        body: body.to_vec(),
    };
    match judge(answer, 1_795_298_400) {
        Ok(answer) => assert!(answer.status.is_success()),
        Err(Said::Wait { asked, .. }) => {
            assert!(asked.is_none_or(|seconds| (1..=3600).contains(&seconds)));
        }
        // What is said about it reaches the log.
        Err(said) => drop(format!("{said:?}")),
    }
}
