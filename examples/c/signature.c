#include "signature.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Protocol buffers' wire format (https://protobuf.dev/programming-guides/encoding/): a message is a row of fields,
 * each a number and a type in one varint, then the value. Only what has a length is read; the rest is skipped.
 *
 *     MetaGraphDef.signature_def = 5, a map: string -> SignatureDef
 *     SignatureDef.inputs = 1, .outputs = 2, maps: string -> TensorInfo
 *     TensorInfo.name = 1, such as "serving_default_text:0"
 *     an entry of a map: key = 1, value = 2
 */
typedef struct {
  const uint8_t* start;
  const uint8_t* end;
} Bytes;

static bool read_varint(Bytes* bytes, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && bytes->start < bytes->end; shift += 7) {
    uint8_t byte = *bytes->start++;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

static bool skip(Bytes* bytes, uint64_t count) {
  if (count > (uint64_t)(bytes->end - bytes->start)) return false;
  bytes->start += count;
  return true;
}

/* Takes fields off `message` up to the next one of this number that has a length; false if there is none. */
static bool next_field(Bytes* message, uint64_t number, Bytes* content) {
  uint64_t tag, value;
  while (read_varint(message, &tag)) {
    bool found = false;
    switch (tag & 7) {
      case 0:
        if (!read_varint(message, &value)) return false;
        break;
      case 1:
        if (!skip(message, 8)) return false;
        break;
      case 2:
        if (!read_varint(message, &value)) return false;
        content->start = message->start;
        if (!skip(message, value)) return false;
        content->end = message->start;
        found = tag >> 3 == number;
        break;
      case 5:
        if (!skip(message, 4)) return false;
        break;
      default:
        return false;
    }
    if (found) return true;
  }
  return false;
}

/* The value of `key` in the map that is field `number` of `message`. */
static bool look_up(Bytes message, uint64_t number, const char* key, Bytes* value) {
  Bytes entry;
  while (next_field(&message, number, &entry)) {
    Bytes found, rest = entry;
    if (!next_field(&rest, 1, &found)) continue;
    size_t length = found.end - found.start;
    if (length == strlen(key) && memcmp(found.start, key, length) == 0) return next_field(&entry, 2, value);
  }
  return false;
}

bool tensor_name(const void* meta_graph, size_t length, const char* signature, Direction direction, const char* key,
                 char* name, size_t size, int* index) {
  Bytes message = {meta_graph, (const uint8_t*)meta_graph + length}, definition, tensor, text;
  if (!look_up(message, 5, signature, &definition) || !look_up(definition, direction, key, &tensor)) return false;
  if (!next_field(&tensor, 1, &text) || (size_t)(text.end - text.start) >= size) return false;
  memcpy(name, text.start, text.end - text.start);
  name[text.end - text.start] = '\0';
  char* colon = strrchr(name, ':'); /* "operation:output" */
  *index = colon == NULL ? 0 : atoi(colon + 1);
  if (colon != NULL) *colon = '\0';
  return true;
}
