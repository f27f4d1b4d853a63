//! CTAPHID on the key's side: reports in, reports out, and the time until a touch.

use super::ctap::{State, Step};
use super::{Event, Touch, Value};
use std::time::{Duration, Instant};

const KEEPALIVE: Duration = Duration::from_millis(60);

/// A key behind its reports.
pub(super) struct Frames {
    state: State,
    pub(super) events: Vec<Event>,
    next_channel: u32,
    request: Option<Partial>,
    waiting: Option<Waiting>,
    noise_at: usize,
}

struct Partial {
    channel: u32,
    command: u8,
    length: usize,
    bytes: Vec<u8>,
}

/// A command that waits for a touch.
struct Waiting {
    channel: u32,
    reply: Result<Value, u8>,
    since: Instant,
    kept_alive: Instant,
}

/// What the pump does next.
pub(super) enum Out {
    Reports(Vec<[u8; 64]>),
    /// The key is pulled out.
    PulledOut,
}

impl Frames {
    pub(super) fn new(state: State) -> Frames {
        Frames {
            state,
            events: Vec::new(),
            next_channel: 0x0102_0304,
            request: None,
            waiting: None,
            noise_at: 0,
        }
    }

    /// Takes one report from the host, without its number.
    pub(super) fn take(&mut self, report: &[u8; 64]) -> Out {
        if let Some(noise) = &self.state.settings.noise {
            let text = noise.get(self.noise_at).or(noise.last());
            self.noise_at += 1;
            let mut report = [0; 64];
            for (place, byte) in report.iter_mut().zip(text.into_iter().flatten()) {
                *place = *byte;
            }
            return Out::Reports(vec![report]);
        }
        let [c0, c1, c2, c3, head, rest @ ..] = report;
        let channel = u32::from_be_bytes([*c0, *c1, *c2, *c3]);
        if head & 0x80 != 0 {
            let [high, low, data @ ..] = rest;
            self.request = Some(Partial {
                channel,
                command: head & 0x7f,
                length: usize::from(u16::from_be_bytes([*high, *low])),
                bytes: data.to_vec(),
            });
        } else if let Some(request) = &mut self.request {
            request.bytes.extend_from_slice(rest);
        }
        match self.request.take() {
            Some(mut request) if request.bytes.len() >= request.length => {
                request.bytes.truncate(request.length);
                Out::Reports(self.message(&request))
            }
            unfinished => {
                self.request = unfinished;
                Out::Reports(Vec::new())
            }
        }
    }

    fn message(&mut self, request: &Partial) -> Vec<[u8; 64]> {
        let channel = request.channel;
        match request.command {
            0x06 => {
                self.events.push(Event::Channel);
                let mut answer = request.bytes.clone();
                answer.truncate(8);
                let given = self.next_channel;
                self.next_channel += 1;
                answer.extend(given.to_be_bytes());
                answer.extend([2, 1, 0, 0, 0x0c]);
                reports(channel, 0x06, &answer)
            }
            0x01 => reports(channel, 0x01, &request.bytes),
            0x11 => match self.waiting.take() {
                Some(waiting) if waiting.channel == channel => {
                    self.events.push(Event::Cancelled);
                    reports(channel, 0x10, &[0x2d])
                }
                other => {
                    self.waiting = other;
                    Vec::new()
                }
            },
            0x10 if self.waiting.is_some() => reports(channel, 0x3f, &[0x06]),
            0x10 => self.command(channel, &request.bytes),
            _ => reports(channel, 0x3f, &[0x01]),
        }
    }

    fn command(&mut self, channel: u32, message: &[u8]) -> Vec<[u8; 64]> {
        if let Some((number, rest)) = message.split_first() {
            self.events.push(Event::Command(*number, Value::read(rest)));
        }
        match self.state.answer(message) {
            Step::Done(reply) => finished(channel, &reply),
            Step::Touch(reply) => {
                self.events.push(Event::Blinks);
                let now = Instant::now();
                self.waiting = Some(Waiting {
                    channel,
                    reply,
                    since: now,
                    kept_alive: now,
                });
                reports(channel, 0x3b, &[2])
            }
        }
    }

    /// What is due now without a message from the host.
    pub(super) fn tick(&mut self) -> Out {
        let Some(mut waiting) = self.waiting.take() else {
            return Out::Reports(Vec::new());
        };
        let out = match self.state.settings.touch {
            Touch::After(time) if waiting.since.elapsed() >= time => {
                self.events.push(Event::Touched);
                return Out::Reports(finished(waiting.channel, &waiting.reply));
            }
            Touch::Declines => return Out::Reports(finished(waiting.channel, &Err(0x27))),
            Touch::PulledOut if waiting.since.elapsed() > Duration::from_millis(150) => {
                return Out::PulledOut;
            }
            _ if waiting.since.elapsed() > Duration::from_secs(30) => {
                return Out::Reports(finished(waiting.channel, &Err(0x2f)));
            }
            _ if waiting.kept_alive.elapsed() >= KEEPALIVE => {
                waiting.kept_alive = Instant::now();
                reports(waiting.channel, 0x3b, &[2])
            }
            _ => Vec::new(),
        };
        self.waiting = Some(waiting);
        Out::Reports(out)
    }
}

fn finished(channel: u32, reply: &Result<Value, u8>) -> Vec<[u8; 64]> {
    match reply {
        Ok(Value::Map(entries)) if entries.is_empty() => reports(channel, 0x10, &[0]),
        Ok(value) => reports(channel, 0x10, &[&[0], &value.write()[..]].concat()),
        Err(status) => reports(channel, 0x10, &[*status]),
    }
}

fn reports(channel: u32, command: u8, message: &[u8]) -> Vec<[u8; 64]> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let (first, rest) = message.split_at(message.len().min(57));
    let mut heads = vec![(vec![command | 0x80], length.to_be_bytes().to_vec(), first)];
    for (sequence, part) in rest.chunks(59).enumerate() {
        heads.push((
            vec![u8::try_from(sequence).unwrap_or(u8::MAX)],
            Vec::new(),
            part,
        ));
    }
    heads
        .into_iter()
        .map(|(head, length, data)| {
            let bytes = [&channel.to_be_bytes()[..], &head, &length, data].concat();
            let mut report = [0; 64];
            report[..bytes.len()].copy_from_slice(&bytes);
            report
        })
        .collect()
}
