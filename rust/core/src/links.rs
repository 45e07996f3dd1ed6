//! Doubly linked lists of dense numbers (frames, requests), woven into one array: every step O(1).

/// Nothing: the end of a list.
pub(crate) const NIL: u32 = u32::MAX;

/// One place in a list.
#[derive(Clone, Copy)]
struct Link {
    towards_head: u32,
    towards_tail: u32,
}

/// The links of all items, which are numbers below a count. An item is in at most one list
/// at a time.
pub(crate) struct Links(Vec<Link>);

/// The ends of one list. New items enter at the head.
pub(crate) struct List {
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
    pub fn new(item_count: u32) -> Self {
        assert_ne!(item_count, NIL, "the last number means nothing");
        Self(vec![
            Link {
                towards_head: NIL,
                towards_tail: NIL
            };
            item_count as usize
        ])
    }

    /// Adds items, in no list, until there are `item_count`.
    pub fn grow(&mut self, item_count: usize) {
        let unlinked = Link {
            towards_head: NIL,
            towards_tail: NIL,
        };
        self.0.resize(item_count.max(self.0.len()), unlinked);
    }

    /// Bytes allocated.
    pub fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Link>()
    }

    /// The neighbour towards the head, or [`NIL`].
    pub fn towards_head(&self, item: u32) -> u32 {
        self.0[item as usize].towards_head
    }

    /// Puts an item that is in no list at the head.
    pub fn push_head(&mut self, list: &mut List, item: u32) {
        self.0[item as usize] = Link {
            towards_head: NIL,
            towards_tail: list.head,
        };
        match list.head {
            NIL => list.tail = item,
            head => self.0[head as usize].towards_head = item,
        }
        list.head = item;
        list.length += 1;
    }

    /// Takes an item out of the list it is in.
    pub fn unlink(&mut self, list: &mut List, item: u32) {
        let Link {
            towards_head,
            towards_tail,
        } = self.0[item as usize];
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

    /// Moves an item of the list to its head.
    pub fn move_to_head(&mut self, list: &mut List, item: u32) {
        if list.head != item {
            self.unlink(list, item);
            self.push_head(list, item);
        }
    }
}
