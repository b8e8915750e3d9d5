// A CUDA stream, without CUDA's headers.
#pragma once

namespace kvcompare::gpu {

using Stream = void*;  // cudaStream_t; not looked at in emulation

}  // namespace kvcompare::gpu
