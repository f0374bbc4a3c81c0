// SPDX-License-Identifier: LGPL-3.0-or-later
//
// SHA-256 (FIPS 180-4), by which a frozen file is known to be whole.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace deepmd {
namespace detail {

// The fractional parts of the cube roots of the first primes
constexpr std::uint32_t kSha256Constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using Sha256State = std::array<std::uint32_t, 8>;

inline std::uint32_t rotated(std::uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

/// Takes 64 bytes.
inline void take_block(const char* bytes, Sha256State& state) {
  const auto* block = reinterpret_cast<const unsigned char*>(bytes);
  std::uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    const unsigned char* b = block + 4 * i;
    w[i] = std::uint32_t(b[0]) << 24 | std::uint32_t(b[1]) << 16 | std::uint32_t(b[2]) << 8 | b[3];
  }
  for (int i = 16; i < 64; ++i) {
    const std::uint32_t x = w[i - 15], y = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (rotated(x, 7) ^ rotated(x, 18) ^ (x >> 3)) +
           (rotated(y, 17) ^ rotated(y, 19) ^ (y >> 10));
  }
  Sha256State s = state;
  for (int i = 0; i < 64; ++i) {
    const std::uint32_t e = s[4], a = s[0];
    const std::uint32_t t = s[7] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
                            ((e & s[5]) ^ (~e & s[6])) + kSha256Constants[i] + w[i];
    const std::uint32_t u = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +
                            ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    s = {t + u, a, s[1], s[2], s[3] + t, e, s[5], s[6]};
  }
  for (int i = 0; i < 8; ++i) state[i] += s[i];
}

}  // namespace detail

/// The digest of a text in 64 hexadecimal digits.
inline std::string sha256(std::string_view text) {
  // the fractional parts of the square roots of the first primes
  detail::Sha256State state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const std::size_t whole = text.size() / 64 * 64;
  for (std::size_t i = 0; i < whole; i += 64) detail::take_block(text.data() + i, state);
  // the rest, a bit of one, zeros, and the number of bits in the last 8 bytes of a block
  std::string rest = std::string(text.substr(whole)) + '\x80';
  rest.append((64 + 56 - rest.size()) % 64, '\0');
  for (int shift = 56; shift >= 0; shift -= 8)
    rest += char(8 * std::uint64_t(text.size()) >> shift);
  for (std::size_t i = 0; i < rest.size(); i += 64) detail::take_block(rest.data() + i, state);
  std::string digits;
  for (const auto word : state)
    for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(word >> shift) & 15];
  return digits;
}

}  // namespace deepmd
