/* Reads variables. Nothing here calls anything else, so that it runs with a C library, for tests, and without. */
#include "variables.h"

struct reader {
  const char *at, *end;
  unsigned long line;
  struct variables *into;
  char *begin; /* of the variable that is being read, in `into` */
};

static const char *const not_a_variable = "it is not NAME=value";
static const char *const open_quote = "its quote does not end";
static const char *const after_quote = "something follows its quote";
static const char *const bad_escape = "it has a backslash before something else than n, r, t, \", $ or \\";
static const char *const there_already = "its variable is there already";
static const char *const too_long = "its variable is longer than 128 KiB";
static const char *const too_much = "there are more than 4096 variables, or more than 1 MiB of them";
static const char *const a_nul = "it has a NUL";

static bool is_blank(char byte) { return byte == ' ' || byte == '\t'; }

static bool begins_name(char byte)
{
  return byte == '_' || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool continues_name(char byte)
{
  return begins_name(byte) || (byte >= '0' && byte <= '9') || byte == '.' || byte == '-';
}

/* Where a line ends: at a line feed, a carriage return before one or before the end of all, or there. */
static bool at_end_of_line(const struct reader *reader)
{
  const char *at = reader->at;
  return at == reader->end || *at == '\n' || (*at == '\r' && (at + 1 == reader->end || at[1] == '\n'));
}

static void skip_blanks(struct reader *reader)
{
  while (reader->at < reader->end && is_blank(*reader->at))
    reader->at++;
}

static void skip_rest_of_line(struct reader *reader)
{
  while (!at_end_of_line(reader))
    reader->at++;
}

static void leave_line(struct reader *reader)
{
  if (reader->at < reader->end && *reader->at == '\r')
    reader->at++;
  if (reader->at < reader->end)
    reader->at++;
  reader->line++;
}

static const char *put(struct reader *reader, char byte)
{
  struct variables *into = reader->into;
  if (into->used == sizeof into->bytes)
    return too_much;
  into->bytes[into->used++] = byte;
  return into->bytes + into->used - reader->begin > MOST_IN_VARIABLE ? too_long : NULL;
}

char *find_variable(char *const *list, size_t count, const char *name, size_t length)
{
  for (size_t i = 0; i < count; i++) {
    size_t at = 0;
    while (at < length && list[i][at] == name[at])
      at++;
    if (at == length && list[i][at] == '=')
      return list[i] + at + 1;
  }
  return NULL;
}

/* `export` and blanks, as in files that a shell reads, too. */
static void skip_export(struct reader *reader)
{
  static const char word[] = "export";
  const char *at = reader->at;
  for (size_t i = 0; i < sizeof word - 1; i++, at++)
    if (at == reader->end || *at != word[i])
      return;
  if (at == reader->end || !is_blank(*at))
    return;
  reader->at = at;
  skip_blanks(reader);
}

static const char *read_name(struct reader *reader)
{
  struct variables *into = reader->into;
  const char *wrong = NULL;
  const char *name = reader->at;
  if (name == reader->end || !begins_name(*name))
    return not_a_variable;
  for (; reader->at < reader->end && continues_name(*reader->at) && wrong == NULL; reader->at++)
    wrong = put(reader, *reader->at);
  if (wrong != NULL)
    return wrong;
  if (reader->at == reader->end || *reader->at != '=')
    return not_a_variable;
  if (find_variable(into->list, into->count, name, (size_t)(reader->at - name)) != NULL)
    return there_already;
  reader->at++;
  return put(reader, '=');
}

/* What a backslash and this byte mean between double quotes; NUL for nothing. */
static char escaped(char byte)
{
  switch (byte) {
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  case '"': case '$': case '\\': return byte;
  default: return '\0';
  }
}

/* A value in quotes, from the first quote on; it may have several lines. */
static const char *read_quoted(struct reader *reader)
{
  const unsigned long first = reader->line;
  const char quote = *reader->at++;
  unsigned long lines = 0;
  const char *wrong = NULL;
  for (; wrong == NULL; reader->at++) {
    if (reader->at == reader->end)
      return open_quote;
    char byte = *reader->at;
    if (byte == quote)
      break;
    if (byte == '\n')
      lines++;
    if (quote == '"' && byte == '\\') {
      if (++reader->at == reader->end)
        return open_quote;
      byte = escaped(*reader->at);
      if (byte == '\0')
        return bad_escape;
    }
    wrong = put(reader, byte);
  }
  if (wrong != NULL)
    return wrong;
  const char *quote_end = ++reader->at;
  skip_blanks(reader);
  if (!at_end_of_line(reader) && (*reader->at != '#' || reader->at == quote_end))
    return after_quote;
  skip_rest_of_line(reader);
  reader->line = first + lines;
  return NULL;
}

static const char *read_plain(struct reader *reader)
{
  const char *wrong = NULL;
  for (; !at_end_of_line(reader) && wrong == NULL; reader->at++)
    wrong = put(reader, *reader->at);
  return wrong;
}

static const char *read_variable(struct reader *reader)
{
  struct variables *into = reader->into;
  if (into->count == MOST_VARIABLES)
    return too_much;
  reader->begin = into->bytes + into->used;
  skip_export(reader);
  const char *wrong = read_name(reader);
  if (wrong == NULL) {
    bool quoted = reader->at < reader->end && (*reader->at == '\'' || *reader->at == '"');
    wrong = quoted ? read_quoted(reader) : read_plain(reader);
  }
  if (wrong == NULL)
    wrong = put(reader, '\0');
  if (wrong == NULL)
    into->list[into->count++] = reader->begin;
  return wrong;
}

const char *read_variables(const char *text, size_t length, struct variables *into, unsigned long *line)
{
  struct reader reader = {text, text + length, 1, into, NULL};
  const char *wrong = NULL;
  *line = 1;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '\0')
      return a_nul;
    *line += text[i] == '\n';
  }
  /* The mark that some editors put before UTF-8. */
  if (length >= 3 && text[0] == '\xef' && text[1] == '\xbb' && text[2] == '\xbf')
    reader.at += 3;
  while (wrong == NULL && reader.at < reader.end) {
    *line = reader.line;
    skip_blanks(&reader);
    if (at_end_of_line(&reader) || *reader.at == '#')
      skip_rest_of_line(&reader);
    else
      wrong = read_variable(&reader);
    if (wrong == NULL)
      leave_line(&reader);
  }
  return wrong;
}
