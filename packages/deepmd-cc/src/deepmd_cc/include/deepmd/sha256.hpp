// SPDX-License-Identifier: LGPL-3.0-or-later
//
// SHA-256 (FIPS 180-4), by which a frozen file is known to be whole.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace deepmd {

/// The digest of bytes that come piece by piece.
class Sha256 {
 public:
  void update(std::string_view bytes) {
    nbytes_ += bytes.size();
    while (!bytes.empty()) {
      const std::size_t taken = std::min(bytes.size(), kBlock - filled_);
      std::memcpy(block_ + filled_, bytes.data(), taken);
      filled_ += taken;
      bytes.remove_prefix(taken);
      if (filled_ == kBlock) take_block();
    }
  }

  /// The digest in 64 hexadecimal digits; nothing can be added afterwards.
  std::string hex() {
    const std::uint64_t nbits = 8 * nbytes_;
    update(std::string_view("\x80", 1));
    const std::string zeros((kBlock + 56 - filled_) % kBlock, '\0');
    update(zeros);
    char size[8];
    for (int i = 0; i < 8; ++i) size[i] = char(nbits >> (56 - 8 * i));
    update(std::string_view(size, 8));
    std::string text;
    for (const auto word : state_)
      for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[(word >> shift) & 15];
    return text;
  }

 private:
  using Words = std::array<std::uint32_t, 8>;
  static constexpr std::size_t kBlock = 64;

  // the fractional parts of the square roots of the first primes
  Words state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  unsigned char block_[kBlock];
  std::size_t filled_ = 0;
  std::uint64_t nbytes_ = 0;

  static std::uint32_t rotated(std::uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

  void take_block() {
    std::uint32_t w[64];
    for (int i = 0; i < 16; ++i) {
      const unsigned char* b = block_ + 4 * i;
      w[i] =
          std::uint32_t(b[0]) << 24 | std::uint32_t(b[1]) << 16 | std::uint32_t(b[2]) << 8 | b[3];
    }
    for (int i = 16; i < 64; ++i) {
      const std::uint32_t x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (rotated(x, 7) ^ rotated(x, 18) ^ (x >> 3)) +
             (rotated(y, 17) ^ rotated(y, 19) ^ (y >> 10));
    }
    Words s = state_;
    for (int i = 0; i < 64; ++i) {
      const std::uint32_t e = s[4], a = s[0];
      const std::uint32_t t = s[7] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
                              ((e & s[5]) ^ (~e & s[6])) + kConstants[i] + w[i];
      const std::uint32_t u = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +
                              ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
      s = {t + u, a, s[1], s[2], s[3] + t, e, s[5], s[6]};
    }
    for (int i = 0; i < 8; ++i) state_[i] += s[i];
    filled_ = 0;
  }

  // the fractional parts of the cube roots of the first primes
  static constexpr std::uint32_t kConstants[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
      0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
      0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
      0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
      0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
      0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
      0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
      0xc67178f2};
};

}  // namespace deepmd
