//! Tells the vendor's receiver what happens to links: messages of the outbox, signed and sent by the Standard Webhooks
//! specification (<https://www.standardwebhooks.com>).
//!
//! A process claims a message, sends it, and deletes it once the receiver has answered 2xx. One that dies in between
//! leaves it to be sent again, so each message is sent once or more.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use url::Url;
use zeroize::Zeroizing;

use crate::clock::{Clock, Seconds, rfc3339};
use crate::error::{Error, ShouldBe};
use crate::meters::{Delivery, Meters};
use crate::moments::{Moment, reach_of_message};
use crate::outbound::{Answer, Failure, LONGEST_WAIT, Outbound};
use crate::random::Random;
use crate::secret::Changing;
use crate::store::{Message, Receiver, Store};

/// How long the receiver has to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a process has a message, in seconds: longer than it waits for the answer.
const LEASE: Seconds = 60;
/// With less of the lease left, nothing is sent: another process might have the message before the answer.
const LEAST_LEASE: Seconds = 20;
/// The first wait after a failure, in seconds; it doubles with each, up to the longest.
const FIRST_WAIT: Seconds = 5;
const LONGEST_BACKOFF: Seconds = 1800;
/// Of the answer only the status counts. So much of its body is read, so that the connection can be used again.
const READ: usize = 16 * 1024;

/// A secret that signs messages. Like [`crate::secret::Secret`], it cannot be printed and is wiped when it is dropped.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

/// How a secret begins, and how many bytes follow in base64, by the specification.
const PREFIX: &str = "whsec_";
const LENGTHS: RangeInclusive<usize> = 24..=64;

impl SigningSecret {
    fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim().strip_prefix(PREFIX)?);
        let bytes = Zeroizing::new(bytes.ok()?);
        LENGTHS.contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The signature of a message, with its version.
    fn sign(&self, id: &str, at: Seconds, body: &str) -> String {
        let key = Key::new(HMAC_SHA256, &self.0);
        let signed = sign(&key, format!("{id}.{at}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(signed))
    }
}

/// Secrets that sign: two while one takes the place of the other. Each message then has both signatures.
#[derive(Clone)]
pub struct SigningSecrets(Vec<SigningSecret>);

impl FromStr for SigningSecrets {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let all: Option<Vec<_>> = text.split(',').map(SigningSecret::parse).collect();
        match all {
            Some(all) if all.len() <= 2 => Ok(Self(all)),
            _ => Err(ShouldBe::new(
                "whsec_ and the base64 of 24 to 64 random bytes, or two such secrets, comma separated",
            )),
        }
    }
}

impl SigningSecrets {
    fn sign(&self, id: &str, at: Seconds, body: &str) -> String {
        let each = self.0.iter().map(|secret| secret.sign(id, at, body));
        each.collect::<Vec<_>>().join(" ")
    }
}

/// Where messages go, and what signs them.
#[derive(Clone)]
pub struct Destination {
    /// The URL.
    pub url: Url,
    /// The secrets.
    pub secrets: SigningSecrets,
}

impl Destination {
    /// The receiver, as the store knows it.
    #[must_use]
    pub fn receiver(&self) -> Receiver {
        Receiver::at(self.url.as_str())
    }
}

/// Sends messages of the outbox. Clones share the secrets.
#[derive(Clone)]
pub struct Webhooks {
    url: Url,
    /// What signs them.
    pub secrets: Changing<SigningSecrets>,
    http: Outbound,
    store: Store,
    clock: Clock,
    random: Random,
    meters: Meters,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// The receiver has the message.
    Taken,
    /// It asks to wait, with every message.
    Wait(Seconds),
    /// It wants nothing any more.
    Gone,
    /// It failed, or does not want this message now.
    Failed(String),
}

impl Said {
    fn read(answered: Result<(Answer, Option<Failure>), Failure>, now: Seconds) -> Self {
        // What broke off after the status changes nothing.
        let answer = match answered {
            Ok((answer, _)) => answer,
            Err(failure) => return Self::Failed(failure.to_string()),
        };
        let asks_to_wait = matches!(
            answer.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        match answer.status {
            status if status.is_success() => Self::Taken,
            StatusCode::GONE => Self::Gone,
            status => match answer.retry_after_within(now, LONGEST_WAIT) {
                Some(wait) if asks_to_wait => Self::Wait(wait),
                _ => Self::Failed(format!("it answered {status}")),
            },
        }
    }

    fn delivery(&self) -> Delivery {
        match self {
            Self::Taken => Delivery::Taken,
            Self::Wait(_) => Delivery::Wait,
            Self::Gone => Delivery::Gone,
            Self::Failed(_) => Delivery::Failed,
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("it has taken the message"),
            Self::Wait(seconds) => write!(f, "it asks to wait for {seconds} s"),
            Self::Gone => f.write_str("it answered 410"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// How long a message waits after so many failures: about a day of tries, close together at first.
fn backoff(failures: i64, random: &Random) -> Seconds {
    let most = (FIRST_WAIT << failures.clamp(0, 10)).min(LONGEST_BACKOFF);
    most / 2 + random.up_to(most - most / 2)
}

impl Webhooks {
    /// Messages from this store to this destination.
    #[must_use]
    pub fn new(
        destination: Destination,
        http: Outbound,
        store: Store,
        clock: Clock,
        random: Random,
        meters: Meters,
    ) -> Self {
        Self {
            url: destination.url,
            secrets: Changing::new(destination.secrets),
            http,
            store,
            clock,
            random,
            meters,
        }
    }

    /// Claims messages that are due, at most `most`, and none of a link whose earlier message waits.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn claim(&self, most: i64) -> Result<Vec<Claimed>, Error> {
        let now = self.clock.now();
        let until = now + LEASE;
        let messages = self.store.claim_webhooks(now, until, most).await?;
        let claimed = messages.into_iter();
        Ok(claimed.map(|message| Claimed { message, until }).collect())
    }

    /// Sends a message and writes what came of it.
    ///
    /// # Errors
    /// When the store is unavailable. The message is sent again when its lease has ended.
    pub async fn deliver(&self, Claimed { message, until }: Claimed) -> Result<(), Error> {
        let now = self.clock.now();
        let Some(body) = &message.body else {
            tracing::error!(message = %message.id, link = %message.link, "a webhook message does not open and is given up: a sealing key is missing, or the database was altered");
            return self.store.webhook_is_lost(&message, now).await;
        };
        reach_of_message(&self.clock, Moment::MessageClaimed, &message.link).await;
        if until - self.clock.now() < LEAST_LEASE {
            // This process was suspended.
            return Ok(());
        }
        let said = self.send(&message.id, body).await;
        reach_of_message(&self.clock, Moment::MessageAnswered, &message.link).await;
        self.meters.webhook(said.delivery());
        let now = self.clock.now();
        let wait = match &said {
            Said::Taken => return self.store.webhook_is_taken(&message).await,
            Said::Gone => {
                if self.store.receiver_is_gone(now).await? {
                    tracing::error!(
                        "the receiver of webhooks answered 410: nothing is sent to it any more"
                    );
                }
                0
            }
            Said::Wait(wait) => {
                self.store.receiver_waits(now + wait).await?;
                *wait
            }
            Said::Failed(_) => backoff(message.failures, &self.random),
        };
        let next = now + wait;
        tracing::warn!(message = %message.id, link = %message.link, written = %rfc3339(message.at), failures = message.failures + 1, why = %said, next_try = %rfc3339(next), "a webhook message was not taken");
        self.store.webhook_later(&message, next).await
    }

    async fn send(&self, id: &str, body: &str) -> Said {
        let at = self.clock.now();
        let signature = self.secrets.now().sign(id, at, body);
        let request = self
            .http
            .client()
            .post(self.url.clone())
            .timeout(PATIENCE)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
            .body(body.to_owned());
        let answered = self.http.send_for_part(request, READ).await;
        Said::read(answered, self.clock.now())
    }
}

/// A message that this process may send until its lease ends.
pub struct Claimed {
    message: Message,
    until: Seconds,
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secrets: SigningSecrets = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            .parse()
            .expect("a secret");
        let signed = secrets.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_the_form_of_the_specification() {
        let of = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for good in [of(24), of(64), format!("{}, {}", of(24), of(32))] {
            assert!(good.parse::<SigningSecrets>().is_ok(), "{good}");
        }
        for bad in [
            of(23),
            of(65),
            format!("{},{},{}", of(24), of(24), of(24)),
            format!("{},", of(24)),
            of(24).replace("whsec_", ""),
            "whsec_".to_owned(),
            "whsec_not base64 at all, not base64".to_owned(),
        ] {
            assert!(bad.parse::<SigningSecrets>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_understood() {
        let said = |status: u16, retry_after: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = retry_after {
                let value = value.parse().expect("a header");
                headers.insert(http::header::RETRY_AFTER, value);
            }
            let answer = Answer {
                status: StatusCode::from_u16(status).expect("a status"),
                headers,
                body: Vec::new(),
            };
            Said::read(Ok((answer, None)), 1_800_000_000)
        };
        assert_eq!(said(200, None), Said::Taken);
        assert_eq!(said(204, Some("60")), Said::Taken);
        assert_eq!(said(410, None), Said::Gone);
        assert_eq!(said(429, Some("60")), Said::Wait(60));
        assert_eq!(said(503, Some("999999")), Said::Wait(LONGEST_WAIT));
        for (status, retry_after) in [
            (301, None),
            (400, Some("60")),
            (404, None),
            (429, None),
            (500, Some("60")),
            (503, None),
        ] {
            assert!(
                matches!(said(status, retry_after), Said::Failed(_)),
                "{status}"
            );
        }
    }

    #[test]
    fn the_waits_grow_up_to_half_an_hour() {
        let random = Random::seeded(7);
        for (failures, longest) in [(0, 5), (1, 10), (5, 160), (9, 1800), (1000, 1800)] {
            for _ in 0..50 {
                let wait = backoff(failures, &random);
                assert!(
                    (longest / 2..=longest).contains(&wait),
                    "{failures}: {wait}"
                );
            }
        }
    }
}
