//! The Lambda function; not wired yet.

fn main() {}
