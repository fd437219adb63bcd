//! What a promotion writes, with the strategy `Fields` too: where the values come from, and what the branch looks like with them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use plumb_api::{Environment, PromotionStrategy};
use plumb_delivery::{
    Digest,
    fields::{self, Copied, Named, Overlay, Selection},
    ledger,
    pin::{self, CopiedFields, Pin, Strategy},
    promotion::short,
};
use plumb_git::{CommitId, FileChange, Repository, Tree};

use super::{Context, board::Key};

/// How much is remembered of what overlays had.
const MOST: usize = 10_000;

/// Whether promotions to an environment copy values.
pub(crate) fn copies(environment: &Environment) -> bool {
    environment.spec.promotion.as_ref().is_some_and(|promotion| promotion.strategy == PromotionStrategy::Fields)
}

/// How an environment's pin is to be read, and written.
pub(crate) fn strategy(environment: &Environment) -> Strategy {
    if copies(environment) { Strategy::Fields } else { Strategy::Tree }
}

/// All environments of a repository on this cluster.
pub(crate) fn neighbours(cx: &Context, repository: &Key) -> Vec<Arc<Environment>> {
    let all = cx.environments.all().into_iter();
    let of_repository = all.filter(|(key, environment)| {
        key.namespace == repository.namespace && environment.spec.repository.name == repository.name
    });
    of_repository.map(|(_, environment)| environment).collect()
}

/// What copies values between environments of one repository. All of it reads git, so it blocks.
pub(crate) struct Copier<'a> {
    pub(crate) git: &'a Repository,
    /// The environments of the repository on this cluster.
    pub(crate) environments: &'a [Arc<Environment>],
}

impl Copier<'_> {
    /// The files that a promotion to a revision writes on top of `head`: the pin, and with the strategy `Fields` the values of that revision
    /// when it is `copying`.
    ///
    /// # Errors
    /// What stands in the way of copying, for people.
    pub(crate) fn changes(
        &self,
        head: &CommitId,
        environment: &Environment,
        pin: &Pin,
        copying: bool,
    ) -> Result<Vec<FileChange>, String> {
        let file = pin::path(&environment.spec.path);
        let mut pin = Pin { strategy: strategy(environment), ..pin.clone() };
        let mut edits = BTreeMap::new();
        if copies(environment) && copying {
            let fields = self.fields(head, environment)?;
            edits = self.copy_of(head, environment, &pin.revision, &fields)?.files;
            pin.fields = Some(fields);
        } else if copies(environment) {
            let text = self.git.tree(head).and_then(|tree| tree.read(&file)).map_err(|error| error.to_string())?;
            pin.fields = text.and_then(|text| pin::parse(&text, &file).ok()).and_then(|pin| pin.fields);
        }
        let edits = edits.into_iter();
        let mut changes = vec![FileChange { path: file, content: Some(pin::print(&pin).into_bytes()) }];
        changes.extend(edits.map(|(path, text)| FileChange { path, content: Some(text.into_bytes()) }));
        Ok(changes)
    }

    /// The files that an environment would be rendered from after a promotion to a revision.
    ///
    /// # Errors
    /// What stands in the way, for people.
    pub(crate) fn tree(&self, head: &CommitId, environment: &Environment, revision: &str) -> Result<Tree, String> {
        if !copies(environment) {
            return CommitId::parse(revision).and_then(|id| self.git.tree(&id)).map_err(|error| error.to_string());
        }
        let copied = self.copy(head, environment, revision)?;
        let edits = copied.files.into_iter();
        let changes: Vec<_> = edits.map(|(path, text)| FileChange { path, content: Some(text.into_bytes()) }).collect();
        self.git.tree_with(head, &changes).map_err(|error| error.to_string())
    }

    /// The digest of all values that a revision brings, which stays the same when the branch moves on.
    ///
    /// # Errors
    /// What stands in the way, for people.
    pub(crate) fn digest(&self, head: &CommitId, environment: &Environment, revision: &str) -> Result<Digest, String> {
        let values = self.copy(head, environment, revision)?.values;
        let text: Vec<String> =
            values.iter().map(|(place, value)| format!("{}:{place}={value}", place.len())).collect();
        Ok(Digest::of(text.join("\n").as_bytes()))
    }

    /// The revision whose values an overlay has at a commit: what its pin says, if that is true.
    ///
    /// # Errors
    /// What stands in the way of looking, for people.
    fn promoted(&self, at: &CommitId, environment: &Environment) -> Result<Option<String>, String> {
        let file = pin::path(&environment.spec.path);
        let text = self.git.tree(at).and_then(|tree| tree.read(&file)).map_err(|error| error.to_string())?;
        let pin = text.and_then(|text| pin::parse(&text, &file).ok());
        let Some(pin) = pin.filter(|pin| pin.strategy == Strategy::Fields) else { return Ok(None) };
        let same = self.copy(at, environment, &pin.revision)?.files.is_empty();
        Ok(same.then_some(pin.revision))
    }

    fn copy(&self, head: &CommitId, environment: &Environment, revision: &str) -> Result<Copied, String> {
        self.copy_of(head, environment, revision, &self.fields(head, environment)?)
    }

    fn copy_of(
        &self,
        head: &CommitId,
        environment: &Environment,
        revision: &str,
        wanted: &CopiedFields,
    ) -> Result<Copied, String> {
        let source = CommitId::parse(revision).and_then(|id| self.git.tree(&id)).map_err(|error| error.to_string())?;
        let target = self.git.tree(head).map_err(|error| error.to_string())?;
        let read = |tree: &Tree, path: &str| tree.read(path).map_err(|error| error.to_string());
        let (from, to) = (|path: &str| read(&source, path), |path: &str| read(&target, path));
        let from = Overlay { directory: &wanted.from, read: &from };
        let to = Overlay { directory: &environment.spec.path, read: &to };
        fields::copy(&wanted.selection, &from, &to).map_err(|errors| {
            let name = Key::of(environment).name;
            let errors = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            format!("the values of {} can't be copied to {name}: {errors}", short(revision))
        })
    }

    /// Which values a promotion to an environment copies.
    fn fields(&self, head: &CommitId, environment: &Environment) -> Result<CopiedFields, String> {
        let settings = environment.spec.promotion.clone().unwrap_or_default().fields;
        let named = settings.named.into_iter().map(|named| Named { file: named.file, field: named.field });
        let selection = Selection { images: settings.images, charts: settings.charts, named: named.collect() };
        Ok(CopiedFields { from: self.origin(head, environment)?, selection })
    }

    /// The overlay that has the values of a revision: that of the first upstream which is not copied to itself.
    fn origin(&self, head: &CommitId, environment: &Environment) -> Result<String, String> {
        let upstream = |environment: &Environment| -> Option<String> {
            let promotion = environment.spec.promotion.as_ref().filter(|_| copies(environment))?;
            Some(promotion.from.first().cloned().unwrap_or_default())
        };
        let target = Key::of(environment).name;
        let mut seen = BTreeSet::from([target.clone()]);
        let mut next = upstream(environment).unwrap_or_default();
        loop {
            if !seen.insert(next.clone()) {
                return Err(format!(
                    "nothing is copied to {target}, for spec.promotion.from leads in a circle through {next}"
                ));
            }
            let local = self.environments.iter().find(|environment| Key::of(&***environment).name == next);
            next = match local {
                Some(local) => match upstream(local) {
                    Some(upstream) => upstream,
                    None => return Ok(local.spec.path.clone()),
                },
                None => match self.elsewhere(head, &next)? {
                    Elsewhere::At(path) => return Ok(path),
                    Elsewhere::CopiedFrom(upstream) => upstream,
                },
            };
        }
    }

    /// What the ledger and the pin of another cluster's environment say.
    fn elsewhere(&self, head: &CommitId, name: &str) -> Result<Elsewhere, String> {
        let unknown = || {
            format!(
                "the overlay of {name} is not known: there is no Environment of that name here, and no ledger of it"
            )
        };
        let notes = self.git.notes(&ledger::reference(name)).map_err(|_| unknown())?;
        let entries = notes.iter().flat_map(|(_, note)| ledger::parse(note).entries);
        let last = entries.filter(|entry| entry.path.is_some()).max_by_key(|entry| entry.time);
        let path = last.and_then(|entry| entry.path).ok_or_else(unknown)?;
        let file = pin::path(&path);
        let pin = self.git.tree(head).and_then(|tree| tree.read(&file)).map_err(|error| error.to_string())?;
        let pin = pin.and_then(|text| pin::parse(&text, &file).ok()).filter(|pin| pin.strategy == Strategy::Fields);
        Ok(match pin.and_then(|pin| pin.from.into_iter().next()) {
            Some(upstream) => Elsewhere::CopiedFrom(upstream),
            None => Elsewhere::At(path),
        })
    }
}

/// The revisions whose values overlays had, so that each commit is read once.
#[derive(Default)]
pub(crate) struct Values(Mutex<HashMap<(String, String), Option<String>>>);

impl Values {
    /// What an environment is at for those downstream while it runs a commit: that commit, or with the strategy `Fields` the revision whose
    /// values it has; `None` when no promotion copied what it has.
    pub(crate) fn at(&self, copier: &Copier<'_>, environment: &Environment, commit: &str) -> Option<String> {
        if !copies(environment) {
            return Some(commit.to_owned());
        }
        let Key { namespace, name } = Key::of(environment);
        let uid = environment.metadata.uid.as_deref().unwrap_or_default();
        let generation = environment.metadata.generation.unwrap_or_default();
        let place = (format!("{namespace}/{name}:{uid}:{generation}"), commit.to_owned());
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(&place) {
            return known.clone();
        }
        // What could not be looked at now may be there later.
        let at = CommitId::parse(commit).map_err(|error| error.to_string());
        let found = at.and_then(|at| copier.promoted(&at, environment)).ok()?;
        let mut known = known();
        if known.len() > MOST {
            known.clear();
        }
        known.insert(place, found.clone());
        found
    }
}

enum Elsewhere {
    At(String),
    CopiedFrom(String),
}
