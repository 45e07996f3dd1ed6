//! The 64-byte turn of a copy on x86-64, by 16-byte moves.

use std::arch::asm;

/// Moves 64 bytes. To the language, an `asm` block does what some sequence of ordinary operations
/// could do; here that is eight relaxed atomic 8-byte loads and stores. The processor keeps that
/// promise: a 16-byte access that is aligned is never split below its two 8-byte halves (and on
/// every processor with AVX not even there). The side that is not aligned is the plain one.
///
/// # Safety
/// Both pieces are mapped for 64 bytes and do not overlap.
#[inline(always)]
pub(super) unsafe fn move_64(to: *mut u8, from: *const u8) {
    // SAFETY: reads 64 bytes at `from`, writes 64 bytes at `to`, touches four vector registers
    // that are declared, and neither stack nor flags.
    unsafe {
        asm!(
            "movups {a}, [{from}]",
            "movups {b}, [{from} + 16]",
            "movups {c}, [{from} + 32]",
            "movups {d}, [{from} + 48]",
            "movups [{to}], {a}",
            "movups [{to} + 16], {b}",
            "movups [{to} + 32], {c}",
            "movups [{to} + 48], {d}",
            from = in(reg) from,
            to = in(reg) to,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
}
