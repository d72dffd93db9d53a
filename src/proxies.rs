//! Proxies in front of Latchkey that are trusted to name a request's address.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::error::ShouldBe;

/// Proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Whether none is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the address of a trusted proxy.
    #[must_use]
    pub fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Proxies {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let network = |entry: &str| {
            let address = || entry.parse::<IpAddr>().map(IpNet::from);
            entry.parse::<IpNet>().or_else(|_| address())
        };
        text.split(',')
            .map(|entry| network(entry.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|_| {
                ShouldBe::new("addresses and networks, comma separated, like 127.0.0.1,10.0.0.0/8")
            })
    }
}
