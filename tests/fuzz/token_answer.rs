//! What a token endpoint answers, with its errors, read with the habits of every service that is known. The
//! first byte says which status it comes with.

use http::{Response, StatusCode};
use latchkey::service::habits::token_answer;
use latchkey::service::known::ALL;
use latchkey::service::token_response::TokenAnswer;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
};
use oauth2::{
    ClientId, HttpRequest, HttpResponse, RefreshToken, StandardRevocableToken, TokenResponse as _,
    TokenUrl,
};

type Client = oauth2::Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

pub fn run(bytes: &[u8]) {
    let Some((status, body)) = bytes.split_first() else {
        return;
    };
    let status = match status {
        b'2' => StatusCode::OK,
        b'4' => StatusCode::BAD_REQUEST,
        other => StatusCode::from_u16(200 + u16::from(*other)).expect("it is a status"),
    };
    for known in ALL {
        let (status, body) = token_answer(known, status, body.to_vec());
        read(status, &body);
    }
}

fn read(status: StatusCode, body: &[u8]) {
    let answer = |_: HttpRequest| {
        let mut response: HttpResponse = Response::new(body.to_vec());
        *response.status_mut() = status;
        let json = http::HeaderValue::from_static("application/json");
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, json);
        Ok::<_, std::io::Error>(response)
    };
    let url = TokenUrl::new("https://acme.example.com/token".to_owned()).expect("an address");
    let client = Client::new(ClientId::new("client".to_owned())).set_token_uri(url);
    let refreshed = client
        .exchange_refresh_token(&RefreshToken::new("refresh-token".to_owned()))
        .request(&answer);
    match refreshed {
        Ok(answer) => {
            assert!(answer.life().is_none_or(|life| life > 0));
            // So that it can be added to any time.
            assert!(answer.life().is_none_or(|life| life <= 366 * 24 * 3600));
            let unused = answer.refresh_life();
            assert!(unused.is_none_or(|life| (1..=10 * 366 * 24 * 3600).contains(&life)));
            let refresh = answer.refresh_token();
            assert!(refresh.is_none_or(|token| !token.secret().is_empty()));
            let _ = answer.id_token();
        }
        // What is said about it reaches the log.
        Err(error) => drop(error.to_string()),
    }
}
