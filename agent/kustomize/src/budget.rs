//! What a render has cost so far.

use std::cell::Cell;
use std::rc::Rc;

use plumb_yaml::Limits;

use crate::error::Fault;
use crate::options::Options;
use crate::tree::Size;

/// What may be spent on one value beyond its text: about what it takes in memory, in steps.
const STEPS_OF_A_VALUE: usize = 16;

/// Counts what a render reads, makes and does, against the bounds of [`Options`].
///
/// Counting never fails, so that it can be done anywhere; what loops asks [`Budget::check`] once in a while.
/// A clone counts for the same render.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    pub(crate) options: Options,
    spent: Rc<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    bytes: Cell<usize>,
    values: Cell<usize>,
    steps: Cell<usize>,
}

impl Budget {
    pub(crate) fn new(options: &Options) -> Self {
        Self { options: *options, spent: Rc::default() }
    }

    /// Counts work: a step is as much as looking at a few bytes.
    pub(crate) fn work(&self, steps: usize) {
        add(&self.spent.steps, steps);
    }

    /// Counts text that is read or made.
    pub(crate) fn text(&self, bytes: usize) {
        add(&self.spent.bytes, bytes);
        self.work(bytes);
    }

    /// Counts values that are read or made: scalars, lists and maps.
    pub(crate) fn values(&self, count: usize) {
        add(&self.spent.values, count);
        self.work(count.saturating_mul(STEPS_OF_A_VALUE));
    }

    /// Counts a value that is made, to stand below so many others.
    pub(crate) fn make(&self, size: Size, below: usize) -> Result<(), Fault> {
        self.values(size.values);
        self.text(size.text);
        check_depth(below.saturating_add(size.depth))?;
        self.check()
    }

    /// Whether all is within the bounds.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let Options { max_bytes, max_values, max_steps, .. } = self.options;
        let exceeded = if self.spent.bytes.get() > max_bytes {
            format!("reads and makes more than {max_bytes} bytes of text")
        } else if self.spent.values.get() > max_values {
            format!("reads and makes more than {max_values} values")
        } else if self.spent.steps.get() > max_steps {
            "takes too many steps; it has too many objects for so many patches, names or patterns".to_owned()
        } else {
            return Ok(());
        };
        Err(Fault::limit(format!("the render {exceeded}; split the overlay")))
    }

    /// The bounds of one more text.
    pub(crate) fn limits(&self) -> Limits {
        let left = self.options.max_values.saturating_sub(self.spent.values.get());
        let default = Limits::default();
        Limits { bytes: self.options.max_file_bytes, nodes: default.nodes.min(left), ..default }
    }
}

/// Whether values may be nested so deeply.
pub(crate) fn check_depth(levels: usize) -> Result<(), Fault> {
    let most = Limits::default().depth;
    if levels > most {
        return Err(Fault::limit(format!("maps and lists would be nested more than {most} levels deep")));
    }
    Ok(())
}

fn add(counter: &Cell<usize>, more: usize) {
    counter.set(counter.get().saturating_add(more));
}
