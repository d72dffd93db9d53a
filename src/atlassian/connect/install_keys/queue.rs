//! Callers that wait until a key is fetched: whose kid is fetched next, and who is turned away when there are
//! too many.
//!
//! A kid can be made up, and no check of a token tells before its key is there. So the order is by where a caller
//! comes from: first those whose kid Atlassian gave before, and addresses that have sent a valid token; then
//! networks by how few unproved kids they have named lately, counted by a small network, and among equals by the
//! larger networks around it; then by who came first. A flood from one network, or from many in turn, waits
//! behind a caller from a quiet one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::sync::oneshot;

use super::Outcome;
use crate::clock::Seconds;
use crate::limits::counted_as;

/// The prefix lengths of the networks that are counted: what one owner usually has, and two around it.
const IPV4: [u32; 3] = [24, 16, 8];
const IPV6: [u32; 3] = [48, 32, 20];
/// How many networks are counted. Each takes less than 40 bytes.
const NETWORKS: usize = 32_768;
/// After how many seconds a network's count is halved.
const HALVED_EACH: Seconds = 60;
/// How many addresses count as proved, and for how many seconds after their last valid token.
const PROVED: usize = 1024;
const PROVED_FOR: Seconds = 24 * 3600;

/// The callers that wait, by the kid that they named.
pub(super) struct Queue {
    /// How many keys are fetched at once.
    at_once: usize,
    /// How many callers may wait, those included whose key is being fetched.
    most: usize,
    waiting: HashMap<String, Kid>,
    networks: Networks,
    /// Counts the callers.
    next: u64,
}

#[derive(Default)]
struct Kid {
    is_fetched: bool,
    callers: Vec<Caller>,
}

struct Caller {
    number: u64,
    client: IpAddr,
    /// Atlassian gave this key before.
    is_known: bool,
    tell: oneshot::Sender<Outcome>,
}

/// The place of a caller: the lowest is served first, the highest is turned away first.
type Rank = (bool, [u32; 3], u64);

/// There are too many callers, and none of them ranks behind this one.
#[derive(Debug)]
pub(super) struct Full;

impl Queue {
    pub(super) fn new(at_once: usize, most: usize) -> Self {
        Self {
            at_once,
            most,
            waiting: HashMap::new(),
            networks: Networks::default(),
            next: 0,
        }
    }

    /// Whether somebody waits for this kid already.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.waiting.contains_key(kid)
    }

    /// Lets one more caller wait. If there are too many, the one that ranks last is turned away.
    pub(super) fn join(
        &mut self,
        kid: &str,
        client: IpAddr,
        is_known: bool,
        now: Seconds,
    ) -> Result<oneshot::Receiver<Outcome>, Full> {
        let (tell, told) = oneshot::channel();
        let caller = Caller {
            number: self.next,
            client,
            is_known,
            tell,
        };
        self.next += 1;
        if self.callers() >= self.most {
            self.drop_closed();
        }
        if self.callers() >= self.most {
            self.turn_away_behind(self.rank(&caller, now), now)?;
        }
        if !is_known {
            self.networks.charge(client, now);
        }
        let kid = self.waiting.entry(kid.to_owned()).or_default();
        kid.callers.push(caller);
        Ok(told)
    }

    /// The kid that is fetched next, from now on. None if no other may be fetched now.
    pub(super) fn begin(&mut self, now: Seconds) -> Option<String> {
        let fetched = self.waiting.values().filter(|kid| kid.is_fetched).count();
        if fetched >= self.at_once {
            return None;
        }
        self.drop_closed();
        let next = self.waiting.iter().filter(|(_, kid)| !kid.is_fetched);
        let next = next.min_by_key(|(_, kid)| {
            let ranks = kid.callers.iter().map(|caller| self.rank(caller, now));
            ranks.min()
        });
        let name = next?.0.clone();
        self.waiting.get_mut(&name)?.is_fetched = true;
        Some(name)
    }

    /// The key of this kid was fetched, or cannot be.
    pub(super) fn end(&mut self, kid: &str, outcome: &Outcome) {
        let ended = self.waiting.remove(kid).unwrap_or_default();
        for caller in ended.callers {
            // A caller may have gone.
            let _ = caller.tell.send(outcome.clone());
        }
    }

    /// A token from this address was valid.
    pub(super) fn proved(&mut self, client: IpAddr, now: Seconds) {
        self.networks.prove(client, now);
    }

    fn callers(&self) -> usize {
        self.waiting.values().map(|kid| kid.callers.len()).sum()
    }

    fn rank(&self, caller: &Caller, now: Seconds) -> Rank {
        let first = caller.is_known || self.networks.is_proved(caller.client, now);
        let charges = self.networks.charges(caller.client);
        (!first, charges, caller.number)
    }

    fn drop_closed(&mut self) {
        self.waiting.retain(|_, kid| {
            kid.callers.retain(|caller| !caller.tell.is_closed());
            kid.is_fetched || !kid.callers.is_empty()
        });
    }

    /// Turns away the caller that ranks last, if that is behind `rank`.
    fn turn_away_behind(&mut self, rank: Rank, now: Seconds) -> Result<(), Full> {
        let callers = self.waiting.iter();
        let callers = callers.flat_map(|(name, kid)| {
            let each = kid.callers.iter().enumerate();
            each.map(move |(index, caller)| (caller, name, index))
        });
        let last = callers.max_by_key(|(caller, ..)| self.rank(caller, now));
        let Some((_, name, index)) = last.filter(|(last, ..)| self.rank(last, now) > rank) else {
            return Err(Full);
        };
        let name = name.clone();
        if let Some(kid) = self.waiting.get_mut(&name) {
            let last = kid.callers.swap_remove(index);
            let _ = last.tell.send(Outcome::TurnedAway);
            if kid.callers.is_empty() && !kid.is_fetched {
                self.waiting.remove(&name);
            }
        }
        Ok(())
    }
}

/// What is known of where callers come from.
#[derive(Default)]
struct Networks {
    /// How many unproved kids each network has named lately.
    charged: HashMap<IpAddr, [u32; 3]>,
    halved_at: Seconds,
    /// Addresses that have sent a valid token, and when the last one came.
    proved: HashMap<IpAddr, Seconds>,
}

impl Networks {
    fn charge(&mut self, client: IpAddr, now: Seconds) {
        let is_full = self.charged.len() + IPV4.len() > NETWORKS;
        // The clock may have been set back.
        if is_full || !(0..HALVED_EACH).contains(&(now - self.halved_at)) {
            self.halved_at = now;
            self.charged.retain(|_, counts| {
                *counts = counts.map(|count| count / 2);
                *counts != [0; 3]
            });
        }
        for (level, network) in networks(client).into_iter().enumerate() {
            if self.charged.len() < NETWORKS || self.charged.contains_key(&network) {
                let count = &mut self.charged.entry(network).or_default()[level];
                *count = count.saturating_add(1);
            }
        }
    }

    fn charges(&self, client: IpAddr) -> [u32; 3] {
        let mut charges = [0; 3];
        for (level, network) in networks(client).into_iter().enumerate() {
            charges[level] = self.charged.get(&network).map_or(0, |counts| counts[level]);
        }
        charges
    }

    fn prove(&mut self, client: IpAddr, now: Seconds) {
        let client = counted_as(client);
        if self.proved.len() >= PROVED && !self.proved.contains_key(&client) {
            let oldest = self.proved.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.proved.remove(&oldest);
            }
        }
        self.proved.insert(client, now);
    }

    fn is_proved(&self, client: IpAddr, now: Seconds) -> bool {
        let last = self.proved.get(&counted_as(client));
        last.is_some_and(|at| now - at < PROVED_FOR)
    }
}

/// The networks that an address is in, the smallest first, each by its first address.
fn networks(client: IpAddr) -> [IpAddr; 3] {
    match client {
        IpAddr::V4(ip) => IPV4.map(|length| {
            let mask = u32::MAX << (32 - length);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }),
        IpAddr::V6(ip) => IPV6.map(|length| {
            let mask = u128::MAX << (128 - length);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = oneshot::Receiver<Outcome>;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn join(queue: &mut Queue, kid: &str, client: &str) -> Result<Told, Full> {
        queue.join(kid, address(client), false, 0)
    }

    fn is_turned_away(told: &mut Told) -> bool {
        matches!(told.try_recv(), Ok(Outcome::TurnedAway))
    }

    #[test]
    fn t30_a_quiet_network_is_served_before_one_that_names_many_kids() {
        let mut queue = Queue::new(1, 100);
        let mut kept = Vec::new();
        for number in 0..10 {
            let client = format!("198.51.100.{number}");
            kept.push(join(&mut queue, &format!("made-up-{number}"), &client));
        }
        // One address each, all of them in one larger network.
        for number in 0..10 {
            let client = format!("203.0.{number}.1");
            kept.push(join(&mut queue, &format!("spread-{number}"), &client));
        }
        kept.push(join(&mut queue, "neighbour", "203.0.99.1"));
        kept.push(join(&mut queue, "quiet", "192.0.2.1"));
        kept.push(join(&mut queue, "quiet-6", "2001:db8::1"));
        kept.push(queue.join("given-before", address("198.51.100.1"), true, 0));
        let mut order = Vec::new();
        while let Some(kid) = queue.begin(0) {
            assert_eq!(queue.begin(0), None, "one at a time");
            queue.end(&kid, &Outcome::Unknown);
            order.push(kid);
        }
        assert_eq!(order.len(), 24);
        assert_eq!(order[..3], ["given-before", "quiet", "quiet-6"]);
        let place = |kid: &str| order.iter().position(|name| name == kid);
        assert!(place("neighbour") < place("made-up-0"));
        assert!(place("spread-9") < place("made-up-0"));
        // Who has shown a valid token goes first from then on.
        queue.proved(address("198.51.100.7"), 0);
        kept.push(join(&mut queue, "quiet", "192.0.2.200"));
        kept.push(join(&mut queue, "proved", "198.51.100.7"));
        assert_eq!(queue.begin(0).as_deref(), Some("proved"));
    }

    #[test]
    fn t30_a_full_queue_turns_away_who_ranks_last() {
        let mut queue = Queue::new(1, 3);
        let mut loud: Vec<Told> = (0..3)
            .map(|number| join(&mut queue, &format!("made-up-{number}"), "198.51.100.1"))
            .map(|told| told.expect("there is room"))
            .collect();
        assert_eq!(queue.begin(0).as_deref(), Some("made-up-0"));
        assert!(join(&mut queue, "made-up-3", "198.51.100.1").is_err());
        let mut quiet = join(&mut queue, "quiet", "192.0.2.1").expect("it ranks before");
        assert!(is_turned_away(&mut loud[2]));
        assert!(!is_turned_away(&mut loud[1]) && !is_turned_away(&mut quiet));
        queue.end("made-up-0", &Outcome::Unknown);
        assert_eq!(queue.begin(0).as_deref(), Some("quiet"));
        // Callers who have gone make room, and are not fetched for.
        drop(loud);
        let _fourth = join(&mut queue, "made-up-4", "198.51.100.1").expect("there is room");
        queue.end("quiet", &Outcome::Unknown);
        assert_eq!(queue.begin(0).as_deref(), Some("made-up-4"));
    }

    #[test]
    fn t30_one_kid_is_fetched_once_for_all_who_name_it() {
        let mut queue = Queue::new(4, 100);
        let mut told: Vec<Told> = (0..20)
            .map(|_| join(&mut queue, "new", "192.0.2.1").expect("there is room"))
            .collect();
        assert_eq!(queue.begin(0).as_deref(), Some("new"));
        assert_eq!(queue.begin(0), None);
        queue.end("new", &Outcome::Unknown);
        for told in &mut told {
            assert!(matches!(told.try_recv(), Ok(Outcome::Unknown)));
        }
    }

    #[test]
    fn t30_counts_of_networks_are_bounded_and_forgotten() {
        let mut networks = Networks::default();
        for number in 0..100_000_u32 {
            networks.charge(Ipv4Addr::from_bits(number << 8).into(), 0);
        }
        assert!(networks.charged.len() <= NETWORKS);
        let loud = address("192.0.2.1");
        networks.charge(loud, 0);
        networks.charge(loud, 0);
        assert!(networks.charges(loud)[0] >= 1);
        networks.charge(address("2001:db8::1"), HALVED_EACH);
        networks.charge(address("2001:db8::1"), HALVED_EACH * 2);
        assert_eq!(networks.charges(loud)[0], 0);
        for number in 0..5000_u32 {
            networks.prove(Ipv4Addr::from_bits(number).into(), number.into());
        }
        assert_eq!(networks.proved.len(), PROVED);
        let last = Ipv4Addr::from_bits(4999).into();
        assert!(networks.is_proved(last, 5000));
        assert!(!networks.is_proved(last, 4999 + PROVED_FOR));
    }
}
