//! Tokens that say how values belong together.

use super::scanner::{Scanned, Scanner};
use super::token::{Kind, Token};

impl<'t> Scanner<'t> {
    pub(super) fn fetch_stream_end(&mut self) -> Scanned<()> {
        let mark = &mut self.cursor.mark;
        if mark.column != 0 {
            mark.column = 0;
            mark.line += 1;
        }
        self.leave_blocks()?;
        self.push(Kind::StreamEnd, self.cursor.mark);
        Ok(())
    }

    pub(super) fn fetch_directive(&mut self) -> Scanned<()> {
        self.leave_blocks()?;
        let token = self.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    pub(super) fn fetch_document_indicator(&mut self, kind: Kind<'t>) -> Scanned<()> {
        self.leave_blocks()?;
        let start = self.cursor.mark;
        self.cursor.pass(3, 3);
        self.push(kind, start);
        Ok(())
    }

    fn leave_blocks(&mut self) -> Scanned<()> {
        self.unroll_indent(-1, self.cursor.mark);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    pub(super) fn fetch_flow_start(&mut self, kind: Kind<'t>) -> Scanned<()> {
        self.open_flow()?;
        self.simple_key_allowed = true;
        self.push_indicator(kind);
        Ok(())
    }

    pub(super) fn fetch_flow_end(&mut self, kind: Kind<'t>) -> Scanned<()> {
        self.remove_simple_key()?;
        self.close_flow();
        self.simple_key_allowed = false;
        self.push_indicator(kind);
        Ok(())
    }

    pub(super) fn fetch_flow_entry(&mut self) -> Scanned<()> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(Kind::FlowEntry);
        Ok(())
    }

    pub(super) fn fetch_block_entry(&mut self) -> Scanned<()> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fault("an item of a sequence must start on a line of its own");
            }
            self.roll_indent(self.cursor.mark, None, Kind::BlockSequenceStart);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(Kind::BlockEntry);
        Ok(())
    }

    pub(super) fn fetch_key(&mut self) -> Scanned<()> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fault("a key must start on a line of its own");
            }
            self.roll_indent(self.cursor.mark, None, Kind::BlockMappingStart);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.push_indicator(Kind::Key);
        Ok(())
    }

    pub(super) fn fetch_value(&mut self) -> Scanned<()> {
        if let Some((place, mark)) = self.take_simple_key()? {
            self.insert(place, Token { kind: Kind::Key, start: mark, end: mark });
            self.roll_indent(mark, place, Kind::BlockMappingStart);
            // One key cannot follow another on its line.
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return self.fault("a : with a blank behind it is not allowed here; put the text in quotes");
                }
                self.roll_indent(self.cursor.mark, None, Kind::BlockMappingStart);
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.push_indicator(Kind::Value);
        Ok(())
    }
}
