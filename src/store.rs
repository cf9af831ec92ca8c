use trapline_abi::errno::Errno;
pub fn read(_: u32, _: u64, _: &mut [u8]) -> Result<usize, Errno> { Err(Errno::NOENT) }
