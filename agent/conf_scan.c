// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. One pass over the config text, before libconfuse sees it. Owns the grammar:
 *
 *   text  := { key "=" value | section [ title ] "{" { key "=" value } "}" }
 *   value := item | "{" [ item { "," item } [ "," ] ] "}"
 *   item  := word | "string" | 'string'
 *
 * Comments run from # to the end of the line. Strings hold printable ASCII and have no escapes. What passes here
 * means the same to libconfuse, so the lines found here are those of its values. Must not judge values.
 */
#include "conf_scan.h"

#include "conf_char.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define NAME_SHOWN 100 /* bytes of the file's name in a message: its end says more than its beginning */
#define WORD_SHOWN 60

/* What a token is; those of one character are that character. */
enum token_type {
	TOKEN_END = 0,
	TOKEN_WORD = 'w',
	TOKEN_STRING = 's',
	TOKEN_APPEND = '+',
};

struct token {
	int type;
	const char *text; /* of a word or string, without quotes */
	size_t len;
	int line;
};

struct scanner {
	const char *text;
	size_t len, pos;
	int line;
	const char *name;
	const char *key; /* whose value is being read, for messages; NULL between values */
	struct conf_scan found;
	struct conf_error *err;
};

int conf_refuse(struct conf_error *err, const char *name, int line, const char *format, ...)
{
	va_list args;
	size_t used, name_len = strlen(name);
	const char *dots = "";

	if (!err)
		return -EINVAL;
	if (name_len > NAME_SHOWN) {
		name += name_len - NAME_SHOWN;
		dots = "...";
	}
	if (line > 0)
		snprintf(err->message, sizeof(err->message), "%s%s:%d: ", dots, name, line);
	else
		snprintf(err->message, sizeof(err->message), "%s%s: ", dots, name);
	err->line = line;
	used = strlen(err->message);
	va_start(args, format);
	vsnprintf(err->message + used, sizeof(err->message) - used, format, args);
	va_end(args);
	return -EINVAL;
}

static int out_of_memory(struct scanner *s)
{
	conf_refuse(s->err, s->name, 0, "out of memory");
	return -ENOMEM;
}

/* ---- characters */

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-./:@%", c));
}

static bool is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* Why the byte at pos cannot stand there. */
static int refuse_byte(struct scanner *s, bool in_string)
{
	const char *key = s->key ? s->key : "", *colon = s->key ? ": " : "";
	const char *advice = conf_char_advice(s->text + s->pos, s->len - s->pos);
	char c = s->text[s->pos];

	if (advice)
		return conf_refuse(s->err, s->name, s->line, "%s%s%s", key, colon, advice);
	if (is_printable(c))
		return conf_refuse(s->err, s->name, s->line,
				   "%s%sunexpected character '%c'; values with it need quotes", key, colon, c);
	return conf_refuse(s->err, s->name, s->line, "%s%s%s 0x%02x%s; only %sASCII%s", key, colon,
			   in_string ? "byte" : "unexpected byte", (uint8_t)c, in_string ? " in a string" : "",
			   in_string ? "printable " : "", in_string ? "" : " outside comments");
}

/* Blanks, line ends and comments. Comments are blanked in the copy: libconfuse miscounts the lines of some of them. */
static void skip_blanks(struct scanner *s)
{
	for (; s->pos < s->len; s->pos++) {
		char c = s->text[s->pos];

		if (c == '\n') {
			s->line++;
		} else if (c == '#') {
			while (s->pos < s->len && s->text[s->pos] != '\n')
				s->found.text[s->pos++] = ' ';
			s->pos--;
		} else if (c == '\r' && s->pos + 1 < s->len && s->text[s->pos + 1] == '\n') {
			s->found.text[s->pos] = ' ';
		} else if (c != ' ' && c != '\t') {
			return;
		}
	}
}

static int read_string(struct scanner *s, struct token *ret)
{
	char quote = s->text[s->pos++];
	size_t start = s->pos;

	for (; s->pos < s->len && s->text[s->pos] != '\n'; s->pos++) {
		char c = s->text[s->pos];

		if (c == quote) {
			*ret = (struct token){TOKEN_STRING, s->text + start, s->pos++ - start, s->line};
			return 0;
		}
		if (c == '\\')
			return conf_refuse(s->err, s->name, s->line,
					   "backslash in a string; there are no escapes here");
		if (c == '$' && s->pos + 1 < s->len && s->text[s->pos + 1] == '{')
			return conf_refuse(s->err, s->name, s->line,
					   "\"${\" in a string; environment variables are not expanded here");
		if (!is_printable(c))
			return refuse_byte(s, true);
	}
	return conf_refuse(s->err, s->name, s->line, "string without its closing %c on the same line", quote);
}

static int read_word(struct scanner *s, struct token *ret)
{
	size_t start = s->pos;

	while (s->pos < s->len && is_word_char(s->text[s->pos])) {
		/* libconfuse may see the begin of a comment there */
		if (s->text[s->pos] == '/' && s->pos + 1 < s->len && strchr("/*", s->text[s->pos + 1]))
			return conf_refuse(s->err, s->name, s->line,
					   "\"/%c\" outside quotes; put the value in quotes, comments begin with #",
					   s->text[s->pos + 1]);
		s->pos++;
	}
	*ret = (struct token){TOKEN_WORD, s->text + start, s->pos - start, s->line};
	return 0;
}

static int next_token(struct scanner *s, struct token *ret)
{
	char c;

	skip_blanks(s);
	if (s->pos >= s->len) {
		*ret = (struct token){TOKEN_END, "", 0, s->line};
		return 0;
	}
	c = s->text[s->pos];
	if (c == '"' || c == '\'')
		return read_string(s, ret);
	if (is_word_char(c))
		return read_word(s, ret);
	if (c == '{' || c == '}' || c == '=' || c == ',') {
		*ret = (struct token){c, s->text + s->pos++, 1, s->line};
		return 0;
	}
	if (c == '+' && s->pos + 1 < s->len && s->text[s->pos + 1] == '=') {
		*ret = (struct token){TOKEN_APPEND, s->text + s->pos, 2, s->line};
		s->pos += 2;
		return 0;
	}
	return refuse_byte(s, false);
}

/* ---- grammar */

static bool is_word(const struct token *token, const char *word)
{
	return token->len == strlen(word) && memcmp(token->text, word, token->len) == 0;
}

/* "key: value", as in other formats: ':' is a letter here, so it sticks to the key. */
static int refuse_colon(struct scanner *s, enum conf_section section, const struct token *token, size_t len)
{
	if (section == CONF_TOP && conf_section_find(token->text, len) > 0)
		return conf_refuse(s->err, s->name, token->line, "%.*s: unexpected ':'; write %.*s { ... }", (int)len,
				   token->text, (int)len, token->text);
	return conf_refuse(s->err, s->name, token->line, "%.*s: unexpected ':'; write %.*s = VALUE", (int)len,
			   token->text, (int)len, token->text);
}

static bool is_key_with_colon(enum conf_section section, const struct token *token, size_t *ret_len)
{
	const char *colon = memchr(token->text, ':', token->len);

	if (!colon)
		return false;
	*ret_len = (size_t)(colon - token->text);
	return conf_key_find(section, token->text, *ret_len) >= 0 ||
	       (section == CONF_TOP && conf_section_find(token->text, *ret_len) > 0);
}

static int refuse_unknown(struct scanner *s, enum conf_section section, const struct token *token)
{
	const char *hint = conf_key_closest(section, token->text, token->len);
	int len = token->len < WORD_SHOWN ? (int)token->len : WORD_SHOWN,
	    other = conf_key_elsewhere(section, token->text, token->len);
	const char *where = section == CONF_TOP ? "" : conf_section_names[section];
	const char *dot = section == CONF_TOP ? "" : ".";
	size_t key_len;

	if (is_key_with_colon(section, token, &key_len))
		return refuse_colon(s, section, token, key_len);
	while (len > 1 && token->text[len - 1] == ':')
		len--; /* the message has its own */
	if (section == CONF_TOP && is_word(token, "section"))
		return conf_refuse(s->err, s->name, token->line,
				   "section: unknown key; write the section's name alone, like port \"22/tcp\" { "
				   "session = \"keep\" }");
	if (other == CONF_TOP)
		return conf_refuse(s->err, s->name, token->line, "%s%s%.*s: unknown key; it belongs outside section %s",
				   where, dot, len, token->text, where);
	if (other > 0)
		return conf_refuse(s->err, s->name, token->line,
				   "%s%s%.*s: unknown key; it belongs in section %s, %s { %.*s = ... }", where, dot,
				   len, token->text, conf_section_names[other], conf_section_names[other], len,
				   token->text);
	if (hint)
		return conf_refuse(s->err, s->name, token->line, "%s%s%.*s: unknown key; did you mean \"%s\"?", where,
				   dot, len, token->text, hint);
	return conf_refuse(s->err, s->name, token->line, "%s%s%.*s: unknown key; remove it, or see jitgate.conf(5)",
			   where, dot, len, token->text);
}

static int refuse_token(struct scanner *s, const struct token *token, const char *name, const char *wanted)
{
	if (token->type == TOKEN_END)
		return conf_refuse(s->err, s->name, token->line, "%s: the text ends here; expected %s", name, wanted);
	return conf_refuse(s->err, s->name, token->line, "%s: unexpected \"%.*s\"; expected %s", name,
			   token->len < WORD_SHOWN ? (int)token->len : WORD_SHOWN, token->text, wanted);
}

static bool is_value(const struct token *token)
{
	return token->type == TOKEN_WORD || token->type == TOKEN_STRING;
}

static int add_value(struct scanner *s, enum conf_key key, const struct token *token)
{
	struct conf_scan *found = &s->found;

	if (found->n_values == found->cap_values) {
		size_t cap = found->cap_values ? found->cap_values * 2 : 64;
		struct conf_place *grown = reallocarray(found->values, cap, sizeof(*grown));

		if (!grown)
			return out_of_memory(s);
		found->values = grown;
		found->cap_values = cap;
	}
	found->values[found->n_values++] = (struct conf_place){key, token->line, token->text, token->len};
	return 0;
}

/* Behind the opening brace, up to and with the closing one. */
static int scan_list(struct scanner *s, enum conf_key key)
{
	const char *name = conf_keys[key].full_name;
	struct token token;
	int r;

	for (;;) {
		r = next_token(s, &token);
		if (r < 0 || token.type == '}')
			return r;
		if (!is_value(&token))
			return refuse_token(s, &token, name, "a value or }");
		r = add_value(s, key, &token);
		if (r < 0)
			return r;
		r = next_token(s, &token);
		if (r < 0 || token.type == '}')
			return r;
		if (token.type != ',')
			return refuse_token(s, &token, name, ", or }");
	}
}

/* The next key, or the end, stands where a value should. The line that lacks it is the one of the key's '='. */
static bool is_value_missing(const struct scanner *s, const struct token *token, int line)
{
	struct scanner ahead = *s;
	struct token next;

	if (token->type == '}' || token->type == TOKEN_END)
		return true;
	ahead.err = NULL;
	return token->type == TOKEN_WORD && token->line > line && next_token(&ahead, &next) == 0 &&
	       (next.type == '=' || next.type == '{');
}

static int scan_value(struct scanner *s, enum conf_key key)
{
	const struct conf_key_info *info = &conf_keys[key];
	struct token token;
	int line, r = next_token(s, &token);

	if (r < 0)
		return r;
	if (token.type == TOKEN_APPEND)
		return conf_refuse(s->err, s->name, token.line,
				   "%s: += is not supported; give the whole list once, with =", info->full_name);
	if (token.type != '=')
		return refuse_token(s, &token, info->full_name, "= behind the key");
	line = token.line;
	r = next_token(s, &token);
	if (r < 0)
		return r;
	if (is_value_missing(s, &token, line))
		return conf_refuse(s->err, s->name, line, "%s: no value behind =; give one, or remove the line",
				   info->full_name);
	if (token.type == '{' && info->is_list)
		return scan_list(s, key);
	if (token.type == '{')
		return conf_refuse(s->err, s->name, token.line, "%s: takes one value, not a list", info->full_name);
	if (!is_value(&token))
		return refuse_token(s, &token, info->full_name, "a value");
	return add_value(s, key, &token);
}

static int scan_items(struct scanner *s, enum conf_section section);

/* The line of an earlier section with this title; 0: there is none. */
static int find_title(const struct scanner *s, enum conf_key key, const struct token *title)
{
	for (size_t i = 0; i < s->found.n_values; i++) {
		const struct conf_place *place = &s->found.values[i];

		if (place->key == key && place->len == title->len && memcmp(place->text, title->text, title->len) == 0)
			return place->line;
	}
	return 0;
}

/* A section that comes more than once: which one it is, its title says. Its keys are counted anew. */
static int scan_titled(struct scanner *s, enum conf_section section, enum conf_key title)
{
	const char *name = conf_section_names[section];
	struct token token;
	int r = next_token(s, &token), line;
	size_t n = s->found.n_values;

	if (r < 0)
		return r;
	if (!is_value(&token))
		return refuse_token(s, &token, name, "a port and protocol, like \"22/tcp\", behind the section's name");
	line = token.line;
	if (find_title(s, title, &token))
		return conf_refuse(s->err, s->name, line, "%s: \"%.*s\" has a section already, on line %d; keep one",
				   name, token.len < WORD_SHOWN ? (int)token.len : WORD_SHOWN, token.text,
				   find_title(s, title, &token));
	for (int i = 0; i < _CONF_KEY_MAX; i++) {
		if (conf_keys[i].section == section)
			s->found.key_line[i] = 0;
	}
	s->found.key_line[title] = line;
	r = add_value(s, title, &token);
	if (r == 0)
		r = next_token(s, &token);
	if (r < 0)
		return r;
	if (token.type != '{')
		return refuse_token(s, &token, name, "{ behind the section's title");
	r = scan_items(s, section);
	/* The values of one section lie together, and each section has them all. */
	if (r == 0 && s->found.n_values != n + 2)
		return conf_refuse(s->err, s->name, line,
				   "%s: the section says nothing; give it a session, or remove it", name);
	return r;
}

static int scan_section(struct scanner *s, enum conf_section section, int line)
{
	const char *name = conf_section_names[section];
	struct token token;
	int r;

	if (section == CONF_PORT)
		return scan_titled(s, section, CONF_KEY_PORT_TITLE);
	if (s->found.section_line[section])
		return conf_refuse(s->err, s->name, line, "%s: section given twice, first on line %d; keep one", name,
				   s->found.section_line[section]);
	s->found.section_line[section] = line;
	r = next_token(s, &token);
	if (r < 0)
		return r;
	if (token.type != '{')
		return refuse_token(s, &token, name, "{ behind the section's name");
	return scan_items(s, section);
}

static int scan_key(struct scanner *s, enum conf_section section, const struct token *token)
{
	int key = conf_key_find(section, token->text, token->len), r;

	if (key < 0)
		return refuse_unknown(s, section, token);
	if (s->found.key_line[key])
		return conf_refuse(s->err, s->name, token->line, "%s: key given twice, first on line %d; keep one",
				   conf_keys[key].full_name, s->found.key_line[key]);
	s->found.key_line[key] = token->line;
	s->key = conf_keys[key].full_name;
	r = scan_value(s, key);
	s->key = NULL;
	return r;
}

/* A section's inside with its closing brace, or the whole text. Recurses one level deep: only the top has sections. */
static int scan_items(struct scanner *s, enum conf_section section)
{
	const char *inside = section == CONF_TOP ? "config" : conf_section_names[section];
	struct token token;
	int r, sub;

	for (;;) {
		r = next_token(s, &token);
		if (r < 0)
			return r;
		if (token.type == (section == CONF_TOP ? TOKEN_END : '}'))
			return 0;
		if (token.type != TOKEN_WORD)
			return refuse_token(s, &token, inside, section == CONF_TOP ? "a key" : "a key or }");
		sub = section == CONF_TOP ? conf_section_find(token.text, token.len) : -1;
		r = sub > 0 ? scan_section(s, sub, token.line) : scan_key(s, section, &token);
		if (r < 0)
			return r;
	}
}

/* ---- the whole text */

static int count_lines(const char *text, size_t len)
{
	int lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

int conf_scan(const char *text, size_t len, const char *name, struct conf_scan *ret, struct conf_error *err)
{
	struct scanner s = {.text = text, .len = len, .line = 1, .name = name, .err = err};
	_cleanup_conf_scan_ struct conf_scan found = {0};
	const char *nul;
	int r;

	if (len > CONF_BYTES_MAX)
		return conf_refuse(err, name, 0, "longer than %d bytes; is it the right file?", CONF_BYTES_MAX);
	if (conf_char_is_utf16(text, len))
		return conf_refuse(err, name, 1, "text in UTF-16; save the file as UTF-8 without byte order mark");
	nul = len ? memchr(text, 0, len) : NULL;
	if (nul)
		return conf_refuse(err, name, count_lines(text, nul - text), "NUL byte; is it a text file?");
	s.found.text = malloc(len + 1);
	if (!s.found.text)
		return out_of_memory(&s);
	if (len)
		memcpy(s.found.text, text, len);
	s.found.text[len] = 0;
	r = scan_items(&s, CONF_TOP);
	found = s.found;
	if (r < 0)
		return r;
	*ret = found;
	found = (struct conf_scan){0};
	return 0;
}

void conf_scan_free(struct conf_scan *scan)
{
	free(scan->values);
	free(scan->text);
	*scan = (struct conf_scan){0};
}

int conf_scan_line(const struct conf_scan *scan, enum conf_key key, size_t nth)
{
	for (size_t i = 0; i < scan->n_values; i++)
		if (scan->values[i].key == key && nth-- == 0)
			return scan->values[i].line;
	return scan->key_line[key];
}

size_t conf_scan_count(const struct conf_scan *scan, enum conf_key key)
{
	size_t n = 0;

	for (size_t i = 0; i < scan->n_values; i++)
		n += scan->values[i].key == key;
	return n;
}
