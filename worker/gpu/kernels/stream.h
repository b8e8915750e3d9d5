// A CUDA stream, without CUDA's headers.
#pragma once

namespace kvcompare::gpu {

using Stream = void*;  // a cudaStream_t; the emulation ignores it

}  // namespace kvcompare::gpu
