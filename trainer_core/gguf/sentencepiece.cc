#include "trainer_core/gguf/sentencepiece.h"

#include <bit>
#include <optional>

#include "absl/strings/str_cat.h"

namespace lorasweep::gguf {
namespace {

// Protobuf's wire format (https://protobuf.dev/programming-guides/encoding), as far as ModelProto needs it.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool AtEnd() const { return bytes_.empty(); }

  std::optional<std::uint64_t> Varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<std::string_view> Take(std::uint64_t size) {
    if (size > bytes_.size()) return std::nullopt;
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  // The bytes of a field's value, for a varint its number.
  struct Field {
    std::uint64_t number = 0;
    std::string_view bytes;
    std::uint64_t value = 0;
  };

  std::optional<Field> Next() {
    const auto tag = Varint();
    if (!tag) return std::nullopt;
    Field field{.number = *tag >> 3, .bytes = {}};
    std::optional<std::string_view> bytes;
    switch (*tag & 7) {
      case 0: {
        const auto value = Varint();
        if (!value) return std::nullopt;
        field.value = *value;
        return field;
      }
      case 1:
        bytes = Take(8);
        break;
      case 2: {
        const auto size = Varint();
        if (size) bytes = Take(*size);
        break;
      }
      case 5:
        bytes = Take(4);
        break;
      default:
        break;
    }
    if (!bytes) return std::nullopt;
    field.bytes = *bytes;
    return field;
  }

 private:
  std::string_view bytes_;
};

std::optional<SentencePiece> ReadPiece(std::string_view bytes) {
  SentencePiece piece;
  for (Reader reader(bytes); !reader.AtEnd();) {
    const auto field = reader.Next();
    if (!field) return std::nullopt;
    if (field->number == 1) piece.text = field->bytes;
    if (field->number == 3) piece.type = static_cast<std::int64_t>(field->value);
    if (field->number == 2) {
      if (field->bytes.size() != 4) return std::nullopt;
      std::uint32_t bits = 0;
      for (int i = 3; i >= 0; --i) {
        bits = bits << 8 | static_cast<std::uint8_t>(field->bytes[static_cast<std::size_t>(i)]);
      }
      piece.score = std::bit_cast<float>(bits);
    }
  }
  if (piece.type < 1 || piece.type > 6) return std::nullopt;
  return piece;
}

}  // namespace

absl::StatusOr<std::vector<SentencePiece>> ReadSentencePieces(std::string_view bytes, const std::string& where) {
  const absl::Status damaged = absl::InvalidArgumentError(absl::StrCat(where, ": not a sentencepiece model"));
  std::vector<SentencePiece> pieces;
  for (Reader reader(bytes); !reader.AtEnd();) {
    const auto field = reader.Next();
    if (!field) return damaged;
    if (field->number != 1) continue;
    auto piece = ReadPiece(field->bytes);
    if (!piece) return damaged;
    pieces.push_back(*std::move(piece));
  }
  if (pieces.empty()) return damaged;
  return pieces;
}

}  // namespace lorasweep::gguf
