//! Links the deployed binary for a fixed address. Loaded anywhere else, some 16,000 addresses in it would have to be written
//! anew at each cold start, which was a quarter of it, and every page that holds one would be private memory. Go links its
//! programs the same way. The heap, the stack and the libraries stay where chance puts them; SECURITY.md says what that means.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release")
        && std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux")
        && std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|library| library == "gnu")
    {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
