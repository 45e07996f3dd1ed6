//! Doubly linked lists of frames, woven into two arrays: no allocation, every step O(1).

/// No frame: the end of a list.
pub(super) const NIL: u32 = u32::MAX;

/// One place in a list.
#[derive(Clone, Copy)]
struct Link {
    towards_head: u32,
    towards_tail: u32,
}

/// The links of all frames. A frame is in at most one list at a time.
pub(super) struct Links(Vec<Link>);

/// The ends of one list. New frames enter at the head.
pub(super) struct List {
    pub head: u32,
    pub tail: u32,
    pub length: usize,
}

impl List {
    pub const EMPTY: Self = Self {
        head: NIL,
        tail: NIL,
        length: 0,
    };
}

impl Links {
    pub fn new(frame_count: u32) -> Self {
        assert_ne!(frame_count, NIL, "the last frame number means no frame");
        Self(vec![
            Link {
                towards_head: NIL,
                towards_tail: NIL
            };
            frame_count as usize
        ])
    }

    /// The neighbour towards the head, or [`NIL`].
    pub fn towards_head(&self, frame: u32) -> u32 {
        self.0[frame as usize].towards_head
    }

    /// Puts a frame that is in no list at the head.
    pub fn push_head(&mut self, list: &mut List, frame: u32) {
        self.0[frame as usize] = Link {
            towards_head: NIL,
            towards_tail: list.head,
        };
        match list.head {
            NIL => list.tail = frame,
            head => self.0[head as usize].towards_head = frame,
        }
        list.head = frame;
        list.length += 1;
    }

    /// Takes a frame out of the list it is in.
    pub fn unlink(&mut self, list: &mut List, frame: u32) {
        let Link {
            towards_head,
            towards_tail,
        } = self.0[frame as usize];
        match towards_head {
            NIL => list.head = towards_tail,
            neighbour => self.0[neighbour as usize].towards_tail = towards_tail,
        }
        match towards_tail {
            NIL => list.tail = towards_head,
            neighbour => self.0[neighbour as usize].towards_head = towards_head,
        }
        list.length -= 1;
    }

    /// Moves a frame of the list to its head.
    pub fn move_to_head(&mut self, list: &mut List, frame: u32) {
        if list.head != frame {
            self.unlink(list, frame);
            self.push_head(list, frame);
        }
    }
}
