/* Scores texts with the SavedModel of apps/sentiment, through the C API of TensorFlow: no Python runs.
 *
 *     ./sentiment --model ../../saved_models/sentiment/1 "A warm, funny film."
 *     ./sentiment --model ../../saved_models/sentiment/1 < reviews.txt
 *
 * Prints for each text the probability of being positive, a tab and the text; with a model of more than two labels the
 * probability of the likeliest, a tab, its name, a tab and the text. Wrong use is one sentence and status 2.
 * TF_CPP_MIN_LOG_LEVEL=0 shows what TensorFlow has to tell.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signature.h"
#include "tensorflow/c/c_api.h"

typedef struct {
  const char* folder;
  TF_Graph* graph;
  TF_Session* session;
  TF_Output text;          /* string (batch,) */
  TF_Output probability;   /* float32 (batch,), of the second of two labels, or */
  TF_Output probabilities; /* float32 (batch, labels), and */
  TF_Output labels;        /* string (batch, labels), their names */
} Model;

static int errors = STDERR_FILENO; /* where our own sentences go */

/* TensorFlow's library writes notices to standard error, the first as it is loaded: that is before `main`, but after
 * the functions of the program's .preinit_array. */
static void silence_notices(int count, char** arguments, char** environment) {
  (void)count, (void)arguments;
  const char wanted[] = "TF_CPP_MIN_LOG_LEVEL=";
  for (; *environment != NULL; ++environment) { /* getenv isn't ready yet */
    if (strncmp(*environment, wanted, strlen(wanted)) == 0) return;
  }
  errors = dup(STDERR_FILENO);
  int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDERR_FILENO);
  close(nowhere);
}
__attribute__((section(".preinit_array"), used)) static void (*before_libraries)(int, char**, char**) =
    silence_notices;

static void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vdprintf(errors, format, arguments);
  va_end(arguments);
  dprintf(errors, "\n");
  exit(2);
}

/* Adds the first line of TensorFlow's message to the sentence. */
static void fail_unless_ok(const TF_Status* status, const char* format, const char* folder) {
  if (TF_GetCode(status) == TF_OK) return;
  char sentence[512];
  snprintf(sentence, sizeof sentence, format, folder);
  const char* message = TF_Message(status);
  fail("%s (%.*s)", sentence, (int)strcspn(message, "\n"), message);
}

/* The graph's tensor that the signature `serving_default` has under `key`; without an operation if there is none. */
static TF_Output look_for_tensor(TF_Graph* graph, const TF_Buffer* meta_graph, Direction direction, const char* key) {
  char name[256];
  int index = 0;
  const char* signature = "serving_default";
  TF_Output tensor = {NULL, 0};
  if (!tensor_name(meta_graph->data, meta_graph->length, signature, direction, key, name, sizeof name, &index)) {
    return tensor;
  }
  tensor = (TF_Output){TF_GraphOperationByName(graph, name), index};
  if (tensor.oper == NULL) fail("expected an operation %s in the SavedModel, got none", name);
  return tensor;
}

static TF_Output find_tensor(TF_Graph* graph, const TF_Buffer* meta_graph, Direction direction, const char* key) {
  TF_Output tensor = look_for_tensor(graph, meta_graph, direction, key);
  if (tensor.oper == NULL) {
    fail("expected a SavedModel of apps.sentiment, got one whose serving_default has no tensor %s", key);
  }
  return tensor;
}

static Model load(const char* folder) {
  const char* tags[] = {"serve"};
  TF_Status* status = TF_NewStatus();
  TF_SessionOptions* options = TF_NewSessionOptions();
  TF_Buffer* meta_graph = TF_NewBuffer();
  Model model = {.folder = folder, .graph = TF_NewGraph()};
  model.session = TF_LoadSessionFromSavedModel(options, NULL, folder, tags, 1, model.graph, meta_graph, status);
  if (TF_GetCode(status) == TF_NOT_FOUND) fail("expected a SavedModel in %s, got none", folder);
  fail_unless_ok(status, "expected a SavedModel in %s, got a damaged one", folder);
  model.text = find_tensor(model.graph, meta_graph, INPUT, "text");
  model.probabilities = look_for_tensor(model.graph, meta_graph, OUTPUT, "probabilities");
  if (model.probabilities.oper != NULL) {
    model.labels = find_tensor(model.graph, meta_graph, OUTPUT, "labels");
  } else {
    model.probability = find_tensor(model.graph, meta_graph, OUTPUT, "probability");
  }
  TF_DeleteBuffer(meta_graph);
  TF_DeleteSessionOptions(options);
  TF_DeleteStatus(status);
  return model;
}

/* A string tensor (count,); TensorFlow frees the strings with the tensor. */
static TF_Tensor* string_tensor(char* const* texts, int64_t count) {
  TF_Tensor* tensor = TF_AllocateTensor(TF_STRING, &count, 1, count * sizeof(TF_TString));
  TF_TString* strings = TF_TensorData(tensor);
  for (int64_t i = 0; i < count; ++i) {
    TF_StringInit(&strings[i]);
    TF_StringCopy(&strings[i], texts[i], strlen(texts[i]));
  }
  return tensor;
}

/* One line: the likeliest of so many labels, of which the names are at `names`. */
static void print_likeliest(const float* probabilities, const TF_TString* names, int64_t labels, const char* text) {
  int64_t best = 0;
  for (int64_t i = 1; i < labels; ++i) {
    if (probabilities[i] > probabilities[best]) best = i;
  }
  const TF_TString* name = &names[best];
  printf("%.6f\t%.*s\t%s\n", probabilities[best], (int)TF_TString_GetSize(name), TF_TString_GetDataPointer(name), text);
}

static void score(const Model* model, char* const* texts, int64_t count) {
  TF_Status* status = TF_NewStatus();
  TF_Tensor* input = string_tensor(texts, count);
  bool two = model->probabilities.oper == NULL;
  TF_Output wanted[] = {two ? model->probability : model->probabilities, model->labels};
  TF_Tensor* outputs[] = {NULL, NULL};
  int asked = two ? 1 : 2;
  TF_SessionRun(model->session, NULL, &model->text, &input, 1, wanted, outputs, asked, NULL, 0, NULL, status);
  fail_unless_ok(status, "expected the model %s to run, got an error", model->folder);
  const float* probabilities = TF_TensorData(outputs[0]);
  int64_t labels = two ? 1 : TF_Dim(outputs[0], 1);
  const TF_TString* names = two ? NULL : TF_TensorData(outputs[1]);
  for (int64_t i = 0; i < count; ++i) {
    if (two) {
      printf("%.6f\t%s\n", probabilities[i], texts[i]);
    } else {
      print_likeliest(probabilities + i * labels, names + i * labels, labels, texts[i]);
    }
  }
  fflush(stdout);
  for (int i = 0; i < asked; ++i) TF_DeleteTensor(outputs[i]);
  TF_DeleteTensor(input);
  TF_DeleteStatus(status);
}

static void score_lines(const Model* model) {
  char* line = NULL;
  size_t size = 0;
  ssize_t length;
  while ((length = getline(&line, &size, stdin)) >= 0) {
    if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
    score(model, &line, 1);
  }
  free(line);
}

int main(int count, char** arguments) {
  if (count < 3 || strcmp(arguments[1], "--model") != 0) {
    fail("expected %s --model FOLDER [TEXT...], got %s", arguments[0], count < 2 ? "nothing" : arguments[1]);
  }
  Model model = load(arguments[2]);
  if (count > 3) {
    score(&model, arguments + 3, count - 3);
  } else {
    score_lines(&model);
  }
  TF_Status* status = TF_NewStatus();
  TF_DeleteSession(model.session, status);
  TF_DeleteStatus(status);
  TF_DeleteGraph(model.graph);
  return 0;
}
