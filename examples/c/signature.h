/* Which tensor of a graph a SavedModel's signature names: what the C API of TensorFlow doesn't tell. */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum { INPUT = 1, OUTPUT = 2 } Direction; /* the field's number in a SignatureDef */

/* Looks up an input or output `key` of a signature in a serialised MetaGraphDef.
 *
 * name: gets the operation's name, such as "StatefulPartitionedCall"; size: how many bytes it can take.
 * index: gets which of the operation's outputs it is.
 * Returns false if there is none, or the name doesn't fit.
 */
bool tensor_name(const void* meta_graph, size_t length, const char* signature, Direction direction, const char* key,
                 char* name, size_t size, int* index);

#endif
