//! A mutation that libFuzzer does not know: one name becomes another wherever it stands.
//!
//! A record says most things several times, and a change in one place alone only contradicts the others.

const NAMES: [&str; 22] = [
    "281502313273",
    "111122223333",
    "arn:aws:",
    "arn:aws-cn:",
    "us-east-1",
    "cn-north-1",
    "user/",
    "role/",
    "role/aws-reserved/",
    "remotion_user",
    "media/eu/remotion_user_eu",
    "analytics",
    "render-worker",
    "lambda-invoke-remediator",
    "function:ffmpeg-clip-cutter",
    "function:ffmpeg-other",
    "function:*",
    "lambda:InvokeFunction",
    "lambda:GetFunction",
    "identity-based",
    "resource-based",
    "AccessDenied",
];

/// Renames in the first `size` bytes of `data`, which has room for more; `None` where the name is not there, there
/// is no room for the other one, or it is not this mutation's turn.
pub fn everywhere(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> Option<usize> {
    let name = |bits: u32| NAMES[bits as usize % NAMES.len()];
    // One mutation of four; the others are libFuzzer's own.
    let (from, to) = seed.is_multiple_of(4).then(|| (name(seed >> 2 & 0xfff), name(seed >> 16)))?;
    let text = std::str::from_utf8(data.get(..size)?).ok()?;
    let renamed = text.contains(from).then(|| text.replace(from, to))?;
    (renamed.len() <= max_size).then_some(())?;
    data.get_mut(..renamed.len())?.copy_from_slice(renamed.as_bytes());
    Some(renamed.len())
}
