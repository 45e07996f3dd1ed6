//! All engines behind one: [`Engines`] opens a URI with the engine it belongs to.

use std::os::fd::RawFd;

use gpuio_core::uri::{EngineUri, LocalBackend, ResourceUri};
use gpuio_core::{Error, ErrorCode, Result};

use crate::engine::{
    Completion, Engine, EngineStats, OpenOptions, ResourceId, ResourceInfo, Transfer,
};
use crate::localio::{LocalIoEngine, LocalIoOptions};
use crate::memio::{MemIoEngine, MemIoOptions};

/// Longest wait on one engine while another has transfers in flight, too.
const SHARED_WAIT_US: u64 = 500;

/// How [`Engines`] are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnginesOptions {
    /// For files and devices.
    pub localio: LocalIoOptions,
    /// For host memory.
    pub memio: MemIoOptions,
}

/// One engine of the set. The discriminant is its place in [`Engines::engines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Memio,
    /// localio on the backend of the options.
    Localio,
    /// localio on the backend that a URI asked for instead.
    OtherLocalio,
}

const MEMBERS: usize = 3;

/// All engines as one. They are started when the first URI needs them, so a program without files
/// never makes a ring.
///
/// A transfer is handed back when *its* engine is full. When several engines have transfers in
/// flight at a time, `wait` takes turns among them, half a millisecond each.
pub struct Engines {
    options: EnginesOptions,
    engines: [Option<Box<dyn Engine>>; MEMBERS],
    /// What the localio of the options runs on, once started.
    localio_backend: Option<LocalBackend>,
    resources: Vec<Option<(Member, ResourceId)>>,
    /// Completions of transfers that belong to no open resource.
    stray: Vec<Completion>,
    /// Whose turn it is to be waited on.
    turn: usize,
}

impl Engines {
    /// Starts nothing yet.
    pub fn new(options: EnginesOptions) -> Self {
        Self {
            options,
            engines: [const { None }; MEMBERS],
            localio_backend: None,
            resources: Vec::new(),
            stray: Vec::new(),
            turn: 0,
        }
    }

    /// The engine that the URI belongs to, started.
    fn member(&mut self, uri: &ResourceUri) -> Result<Member> {
        match &uri.engine {
            EngineUri::Memio(_) => {
                let options = self.options.memio;
                self.engines[Member::Memio as usize]
                    .get_or_insert_with(|| Box::new(MemIoEngine::new(options)));
                Ok(Member::Memio)
            }
            EngineUri::Localio(localio) => self.localio_member(localio.backend),
            EngineUri::Remoteio(_) => {
                let message = "this version has no remoteio engine; use localio: or memio:";
                Err(Error::new(ErrorCode::Unsupported, "open", message))
            }
        }
    }

    fn localio_member(&mut self, wanted: LocalBackend) -> Result<Member> {
        let preset = match self.localio_backend {
            Some(backend) => backend,
            None => self.start_localio(Member::Localio, self.options.localio)?,
        };
        self.localio_backend = Some(preset);
        if wanted == LocalBackend::Auto || wanted == preset {
            return Ok(Member::Localio);
        }
        if self.engines[Member::OtherLocalio as usize].is_none() {
            let options = LocalIoOptions {
                backend: wanted,
                ..self.options.localio
            };
            self.start_localio(Member::OtherLocalio, options)?;
        }
        Ok(Member::OtherLocalio)
    }

    fn start_localio(&mut self, member: Member, options: LocalIoOptions) -> Result<LocalBackend> {
        let engine = LocalIoEngine::new(options)?;
        let backend = engine.backend();
        self.engines[member as usize] = Some(Box::new(engine));
        Ok(backend)
    }

    fn insert(&mut self, member: Member, inner: ResourceId) -> ResourceId {
        let vacancy = self.resources.iter().position(Option::is_none);
        let index = vacancy.unwrap_or(self.resources.len());
        if index == self.resources.len() {
            self.resources.push(None);
        }
        self.resources[index] = Some((member, inner));
        ResourceId(index as u32)
    }
}

impl Engine for Engines {
    fn open(
        &mut self,
        uri: &ResourceUri,
        options: OpenOptions,
    ) -> Result<(ResourceId, ResourceInfo)> {
        let member = self
            .member(uri)
            .map_err(|error| error.with_resource(uri.text.clone()))?;
        let Some(engine) = &mut self.engines[member as usize] else {
            return Err(Error::new(
                ErrorCode::General,
                "open",
                "the engine was not started",
            ));
        };
        let (inner, info) = engine.open(uri, options)?;
        Ok((self.insert(member, inner), info))
    }

    fn close(&mut self, resource: ResourceId) {
        let place = self.resources.get_mut(resource.0 as usize);
        if let Some((member, inner)) = place.and_then(Option::take) {
            if let Some(engine) = &mut self.engines[member as usize] {
                engine.close(inner);
            }
        }
    }

    fn queue(&mut self, mut transfer: Transfer) -> std::result::Result<(), Transfer> {
        let outer = transfer.resource;
        let known = self.resources.get(outer.0 as usize).copied().flatten();
        let engine = known.and_then(|(member, inner)| {
            self.engines[member as usize]
                .as_mut()
                .map(|engine| (engine, inner))
        });
        let Some((engine, inner)) = engine else {
            if self.stray.len() >= self.options.memio.queue_depth.max(1) as usize {
                return Err(transfer);
            }
            let message = format!("resource {} is not open", outer.0);
            let error = Error::new(ErrorCode::InvalidArgument, "queue", message);
            self.stray.push(Completion {
                token: transfer.token,
                result: Err(error),
            });
            return Ok(());
        };
        transfer.resource = inner;
        engine.queue(transfer).map_err(|mut refused| {
            refused.resource = outer;
            refused
        })
    }

    fn submit(&mut self) {
        self.engines
            .iter_mut()
            .flatten()
            .for_each(|engine| engine.submit());
    }

    fn poll(&mut self, completions: &mut Vec<Completion>) -> usize {
        let strays = self.stray.len();
        completions.append(&mut self.stray);
        let polled = self
            .engines
            .iter_mut()
            .flatten()
            .map(|engine| engine.poll(completions));
        strays + polled.sum::<usize>()
    }

    fn wait(&mut self, timeout_us: u64) {
        if !self.stray.is_empty() {
            return self.submit();
        }
        let busy = self
            .engines
            .iter()
            .flatten()
            .filter(|engine| engine.in_flight() > 0)
            .count();
        let timeout_us = if busy > 1 {
            // While one is waited on, the others must have their requests.
            self.submit();
            timeout_us.min(SHARED_WAIT_US)
        } else {
            timeout_us
        };
        for step in 1..=MEMBERS {
            let turn = (self.turn + step) % MEMBERS;
            if let Some(engine) = self.engines[turn].as_mut().filter(|e| e.in_flight() > 0) {
                self.turn = turn;
                return engine.wait(timeout_us);
            }
        }
    }

    fn readable_fds(&self) -> Vec<RawFd> {
        let engines = self.engines.iter().flatten();
        engines.flat_map(|engine| engine.readable_fds()).collect()
    }

    fn in_flight(&self) -> usize {
        let inner = self
            .engines
            .iter()
            .flatten()
            .map(|engine| engine.in_flight());
        self.stray.len() + inner.sum::<usize>()
    }

    fn stats(&self) -> EngineStats {
        let parts = self.engines.iter().flatten().map(|engine| engine.stats());
        parts.fold(EngineStats::default(), |sum, part| EngineStats {
            transfers: sum.transfers + part.transfers,
            read_bytes: sum.read_bytes + part.read_bytes,
            written_bytes: sum.written_bytes + part.written_bytes,
            kernel_requests: sum.kernel_requests + part.kernel_requests,
            short_transfers: sum.short_transfers + part.short_transfers,
        })
    }
}
