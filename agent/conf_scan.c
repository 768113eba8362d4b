// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. One pass over the config text, before libconfuse sees it. Owns the grammar:
 *
 *   text  := { key "=" value | section [ title ] "{" { key "=" value } "}" }
 *   value := item | "{" [ item { "," item } [ "," ] ] "}"
 *   item  := word | string
 *
 * Words and strings are those of conf_lex.h. What passes here means the same to libconfuse, so the lines found here are
 * those of its values. Must not judge values.
 */
#include "conf_scan.h"

#include <errno.h>
#include <string.h>

#include "conf_char.h"
#include "conf_lex.h"
#include "conf_refuse.h"

#define WORD_SHOWN 60

struct scanner {
	struct conf_lexer lex;
	struct conf_scan found;
};

static int out_of_memory(struct scanner *s)
{
	conf_refuse(s->lex.err, s->lex.name, 0, "out of memory");
	return -ENOMEM;
}

static bool is_word(const struct conf_token *token, const char *word)
{
	return token->len == strlen(word) && memcmp(token->text, word, token->len) == 0;
}

/* "key: value", as in other formats: ':' is a letter here, so it sticks to the key. */
static int refuse_colon(struct scanner *s, enum conf_section section, const struct conf_token *token, size_t len)
{
	if (section == CONF_TOP && conf_section_find(token->text, len) > 0)
		return conf_refuse(s->lex.err, s->lex.name, token->line, "%.*s: unexpected ':'; write %.*s { ... }",
				   (int)len, token->text, (int)len, token->text);
	return conf_refuse(s->lex.err, s->lex.name, token->line, "%.*s: unexpected ':'; write %.*s = VALUE", (int)len,
			   token->text, (int)len, token->text);
}

static bool is_key_with_colon(enum conf_section section, const struct conf_token *token, size_t *ret_len)
{
	const char *colon = memchr(token->text, ':', token->len);

	if (!colon)
		return false;
	*ret_len = (size_t)(colon - token->text);
	return conf_key_find(section, token->text, *ret_len) >= 0 ||
	       (section == CONF_TOP && conf_section_find(token->text, *ret_len) > 0);
}

static int refuse_unknown(struct scanner *s, enum conf_section section, const struct conf_token *token)
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
		return conf_refuse(s->lex.err, s->lex.name, token->line,
				   "section: unknown key; write the section's name alone, like port \"22/tcp\" { "
				   "session = \"keep\" }");
	if (other == CONF_TOP)
		return conf_refuse(s->lex.err, s->lex.name, token->line,
				   "%s%s%.*s: unknown key; it belongs outside section %s", where, dot, len, token->text,
				   where);
	if (other > 0)
		return conf_refuse(s->lex.err, s->lex.name, token->line,
				   "%s%s%.*s: unknown key; it belongs in section %s, %s { %.*s = ... }", where, dot,
				   len, token->text, conf_section_names[other], conf_section_names[other], len,
				   token->text);
	if (hint)
		return conf_refuse(s->lex.err, s->lex.name, token->line, "%s%s%.*s: unknown key; did you mean \"%s\"?",
				   where, dot, len, token->text, hint);
	return conf_refuse(s->lex.err, s->lex.name, token->line,
			   "%s%s%.*s: unknown key; remove it, or see jitgate.conf(5)", where, dot, len, token->text);
}

static int refuse_token(struct scanner *s, const struct conf_token *token, const char *name, const char *wanted)
{
	if (token->type == CONF_TOKEN_END)
		return conf_refuse(s->lex.err, s->lex.name, token->line, "%s: the text ends here; expected %s", name,
				   wanted);
	return conf_refuse(s->lex.err, s->lex.name, token->line, "%s: unexpected \"%.*s\"; expected %s", name,
			   token->len < WORD_SHOWN ? (int)token->len : WORD_SHOWN, token->text, wanted);
}

static bool is_value(const struct conf_token *token)
{
	return token->type == CONF_TOKEN_WORD || token->type == CONF_TOKEN_STRING;
}

static int add_value(struct scanner *s, enum conf_key key, const struct conf_token *token)
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
	struct conf_token token;
	int r;

	for (;;) {
		r = conf_lex_next(&s->lex, &token);
		if (r < 0 || token.type == '}')
			return r;
		if (!is_value(&token))
			return refuse_token(s, &token, name, "a value or }");
		r = add_value(s, key, &token);
		if (r < 0)
			return r;
		r = conf_lex_next(&s->lex, &token);
		if (r < 0 || token.type == '}')
			return r;
		if (token.type != ',')
			return refuse_token(s, &token, name, ", or }");
	}
}

/* The next key, or the end, stands where a value should. The line that lacks it is the one of the key's '='. */
static bool is_value_missing(const struct scanner *s, const struct conf_token *token, int line)
{
	struct conf_lexer ahead = s->lex;
	struct conf_token next;

	if (token->type == '}' || token->type == CONF_TOKEN_END)
		return true;
	ahead.err = NULL;
	return token->type == CONF_TOKEN_WORD && token->line > line && conf_lex_next(&ahead, &next) == 0 &&
	       (next.type == '=' || next.type == '{');
}

static int scan_value(struct scanner *s, enum conf_key key)
{
	const struct conf_key_info *info = &conf_keys[key];
	struct conf_token token;
	int line, r = conf_lex_next(&s->lex, &token);

	if (r < 0)
		return r;
	if (token.type == CONF_TOKEN_APPEND)
		return conf_refuse(s->lex.err, s->lex.name, token.line,
				   "%s: += is not supported; give the whole list once, with =", info->full_name);
	if (token.type != '=')
		return refuse_token(s, &token, info->full_name, "= behind the key");
	line = token.line;
	r = conf_lex_next(&s->lex, &token);
	if (r < 0)
		return r;
	if (is_value_missing(s, &token, line))
		return conf_refuse(s->lex.err, s->lex.name, line, "%s: no value behind =; give one, or remove the line",
				   info->full_name);
	if (token.type == '{' && info->is_list)
		return scan_list(s, key);
	if (token.type == '{')
		return conf_refuse(s->lex.err, s->lex.name, token.line, "%s: takes one value, not a list",
				   info->full_name);
	if (!is_value(&token))
		return refuse_token(s, &token, info->full_name, "a value");
	return add_value(s, key, &token);
}

static int scan_items(struct scanner *s, enum conf_section section);

/* The line of an earlier section with this title; 0: there is none. */
static int find_title(const struct scanner *s, enum conf_key key, const struct conf_token *title)
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
	struct conf_token token;
	int r = conf_lex_next(&s->lex, &token), line;
	size_t n = s->found.n_values;

	if (r < 0)
		return r;
	if (!is_value(&token))
		return refuse_token(s, &token, name, "a port and protocol, like \"22/tcp\", behind the section's name");
	line = token.line;
	if (find_title(s, title, &token))
		return conf_refuse(
			s->lex.err, s->lex.name, line, "%s: \"%.*s\" has a section already, on line %d; keep one", name,
			token.len < WORD_SHOWN ? (int)token.len : WORD_SHOWN, token.text, find_title(s, title, &token));
	for (int i = 0; i < _CONF_KEY_MAX; i++) {
		if (conf_keys[i].section == section)
			s->found.key_line[i] = 0;
	}
	s->found.key_line[title] = line;
	r = add_value(s, title, &token);
	if (r == 0)
		r = conf_lex_next(&s->lex, &token);
	if (r < 0)
		return r;
	if (token.type != '{')
		return refuse_token(s, &token, name, "{ behind the section's title");
	r = scan_items(s, section);
	/* The values of one section lie together, and each section has them all. */
	if (r == 0 && s->found.n_values != n + 2)
		return conf_refuse(s->lex.err, s->lex.name, line,
				   "%s: the section says nothing; give it a session, or remove it", name);
	return r;
}

static int scan_section(struct scanner *s, enum conf_section section, int line)
{
	const char *name = conf_section_names[section];
	struct conf_token token;
	int r;

	if (section == CONF_PORT)
		return scan_titled(s, section, CONF_KEY_PORT_TITLE);
	if (s->found.section_line[section])
		return conf_refuse(s->lex.err, s->lex.name, line, "%s: section given twice, first on line %d; keep one",
				   name, s->found.section_line[section]);
	s->found.section_line[section] = line;
	r = conf_lex_next(&s->lex, &token);
	if (r < 0)
		return r;
	if (token.type != '{')
		return refuse_token(s, &token, name, "{ behind the section's name");
	return scan_items(s, section);
}

static int scan_key(struct scanner *s, enum conf_section section, const struct conf_token *token)
{
	int key = conf_key_find(section, token->text, token->len), r;

	if (key < 0)
		return refuse_unknown(s, section, token);
	if (s->found.key_line[key])
		return conf_refuse(s->lex.err, s->lex.name, token->line,
				   "%s: key given twice, first on line %d; keep one", conf_keys[key].full_name,
				   s->found.key_line[key]);
	s->found.key_line[key] = token->line;
	s->lex.key = conf_keys[key].full_name;
	r = scan_value(s, key);
	s->lex.key = NULL;
	return r;
}

/* A section's inside with its closing brace, or the whole text. Recurses one level deep: only the top has sections. */
static int scan_items(struct scanner *s, enum conf_section section)
{
	const char *inside = section == CONF_TOP ? "config" : conf_section_names[section];
	struct conf_token token;
	int r, sub;

	for (;;) {
		r = conf_lex_next(&s->lex, &token);
		if (r < 0)
			return r;
		if (token.type == (section == CONF_TOP ? CONF_TOKEN_END : '}'))
			return 0;
		if (token.type != CONF_TOKEN_WORD)
			return refuse_token(s, &token, inside, section == CONF_TOP ? "a key" : "a key or }");
		sub = section == CONF_TOP ? conf_section_find(token.text, token.len) : -1;
		r = sub > 0 ? scan_section(s, sub, token.line) : scan_key(s, section, &token);
		if (r < 0)
			return r;
	}
}

static int count_lines(const char *text, size_t len)
{
	int lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

int conf_scan(const char *text, size_t len, const char *name, struct conf_scan *ret, struct conf_error *err)
{
	struct scanner s = {.lex = {.text = text, .len = len, .line = 1, .name = name, .err = err}};
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
	s.lex.copy = s.found.text = malloc(len + 1);
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
