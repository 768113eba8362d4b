// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. One pass over the config text, before libconfuse sees it. Owns the list of keys and the grammar:
 *
 *   text  := { key "=" value | section "{" { key "=" value } "}" }
 *   value := item | "{" [ item { "," item } [ "," ] ] "}"
 *   item  := word | "string" | 'string'
 *
 * Comments run from # to the end of the line. Strings hold printable ASCII and have no escapes. What passes here
 * means the same to libconfuse, so the lines found here are those of its values. Must not judge values.
 */
#include "conf_scan.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define NAME_SHOWN 100 /* bytes of the file's name in a message: its end says more than its beginning */
#define WORD_SHOWN 60

const char *const conf_section_names[_CONF_SECTION_MAX] = {
	[CONF_TOP] = "",
	[CONF_GUARD] = "guard",
	[CONF_AZURE] = "azure",
};

const struct conf_key_info conf_keys[_CONF_KEY_MAX] = {
	[CONF_KEY_INTERFACES] = {CONF_TOP, "interfaces", "interfaces", true, "{auto}"},
	[CONF_KEY_MODE] = {CONF_TOP, "mode", "mode", false, "enforce"},
	[CONF_KEY_XDP_MODE] = {CONF_TOP, "xdp_mode", "xdp_mode", false, "auto"},
	[CONF_KEY_PROTECT] = {CONF_TOP, "protect", "protect", true, "{}"},
	[CONF_KEY_ALLOW] = {CONF_TOP, "allow", "allow", true, "{}"},
	[CONF_KEY_SESSION] = {CONF_TOP, "session", "session", false, "cut"},
	[CONF_KEY_MAX_GRANTS] = {CONF_TOP, "max_grants", "max_grants", false, "16384"},
	[CONF_KEY_USER] = {CONF_TOP, "user", "user", false, "jitgate"},
	[CONF_KEY_PIN_DIR] = {CONF_TOP, "pin_dir", "pin_dir", false, "/sys/fs/bpf/jitgate"},
	[CONF_KEY_RUN_DIR] = {CONF_TOP, "run_dir", "run_dir", false, "/run/jitgate"},
	[CONF_KEY_STATE_DIR] = {CONF_TOP, "state_dir", "state_dir", false, "/var/lib/jitgate"},
	[CONF_KEY_LONGEST] = {CONF_GUARD, "longest", "guard.longest", false, "24h"},
	[CONF_KEY_WIDEST_IPV4] = {CONF_GUARD, "widest_ipv4", "guard.widest_ipv4", false, "0"},
	[CONF_KEY_WIDEST_IPV6] = {CONF_GUARD, "widest_ipv6", "guard.widest_ipv6", false, "0"},
	[CONF_KEY_SOURCES] = {CONF_GUARD, "sources", "guard.sources", true, "{}"},
	[CONF_KEY_CLOUD] = {CONF_AZURE, "cloud", "azure.cloud", false, "auto"},
	[CONF_KEY_IDENTITY] = {CONF_AZURE, "identity", "azure.identity", false, ""},
	[CONF_KEY_POLICIES] = {CONF_AZURE, "policies", "azure.policies", true, "{}"},
	[CONF_KEY_POLL_IDLE] = {CONF_AZURE, "poll_idle", "azure.poll_idle", false, "10m"},
	[CONF_KEY_POLL_LIVE] = {CONF_AZURE, "poll_live", "azure.poll_live", false, "60s"},
	[CONF_KEY_ARM_ENDPOINT] = {CONF_AZURE, "arm_endpoint", "azure.arm_endpoint", false, ""},
	[CONF_KEY_IMDS_ENDPOINT] = {CONF_AZURE, "imds_endpoint", "azure.imds_endpoint", false, ""},
	[CONF_KEY_CA_FILE] = {CONF_AZURE, "ca_file", "azure.ca_file", false, ""},
	[CONF_KEY_PROXY] = {CONF_AZURE, "proxy", "azure.proxy", false, ""},
	[CONF_KEY_TRANSLATE] = {CONF_AZURE, "translate", "azure.translate", true, "{}"},
	[CONF_KEY_AZURE_USER] = {CONF_AZURE, "user", "azure.user", false, "jitgate-azure"},
};

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

static int refuse_char(struct scanner *s, char c)
{
	if (c == '$')
		return conf_refuse(s->err, s->name, s->line,
				   "'$' outside quotes; environment variables are not expanded");
	if (is_printable(c))
		return conf_refuse(s->err, s->name, s->line, "unexpected character '%c'; values with it need quotes",
				   c);
	return conf_refuse(s->err, s->name, s->line, "unexpected byte 0x%02x; only ASCII outside comments", (uint8_t)c);
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
			return conf_refuse(s->err, s->name, s->line, "byte 0x%02x in a string; only printable ASCII",
					   (uint8_t)c);
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
	return refuse_char(s, c);
}

/* ---- known keys */

static bool token_is(const struct token *token, const char *word)
{
	return strlen(word) == token->len && memcmp(word, token->text, token->len) == 0;
}

static int find_key(enum conf_section section, const struct token *token)
{
	for (int i = 0; i < _CONF_KEY_MAX; i++)
		if (conf_keys[i].section == section && token_is(token, conf_keys[i].name))
			return i;
	return -1;
}

static int find_section(const struct token *token)
{
	for (int i = CONF_TOP + 1; i < _CONF_SECTION_MAX; i++)
		if (token_is(token, conf_section_names[i]))
			return i;
	return -1;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters to change, add or leave out; words longer than 30 are far from everything. */
static unsigned int edit_distance(const struct token *token, const char *word)
{
	unsigned int row[32];
	size_t word_len = strlen(word);

	if (token->len > 30 || word_len > 30)
		return 30;
	for (unsigned int j = 0; j <= word_len; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= token->len; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= word_len; j++) {
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (token->text[i - 1] != word[j - 1]));
			diagonal = above;
		}
	}
	return row[word_len];
}

/* The closest name of the section that is at most two letters off, or NULL. */
static const char *closest_name(enum conf_section section, const struct token *token)
{
	const char *best = NULL;
	unsigned int best_distance = token->len > 3 ? 3 : 2;

	for (int i = 0; i < _CONF_KEY_MAX; i++) {
		unsigned int d = edit_distance(token, conf_keys[i].name);

		if (conf_keys[i].section == section && d < best_distance) {
			best_distance = d;
			best = conf_keys[i].name;
		}
	}
	for (int i = CONF_TOP + 1; section == CONF_TOP && i < _CONF_SECTION_MAX; i++) {
		unsigned int d = edit_distance(token, conf_section_names[i]);

		if (d < best_distance) {
			best_distance = d;
			best = conf_section_names[i];
		}
	}
	return best;
}

/* The same name in another section: -1 when there is none. */
static int find_elsewhere(enum conf_section section, const struct token *token)
{
	for (int i = 0; i < _CONF_SECTION_MAX; i++)
		if (i != (int)section && find_key(i, token) >= 0)
			return i;
	return -1;
}

static int refuse_unknown(struct scanner *s, enum conf_section section, const struct token *token)
{
	const char *hint = closest_name(section, token);
	int len = token->len < WORD_SHOWN ? (int)token->len : WORD_SHOWN, other = find_elsewhere(section, token);
	const char *where = section == CONF_TOP ? "" : conf_section_names[section];
	const char *dot = section == CONF_TOP ? "" : ".";

	if (section == CONF_TOP && (token_is(token, "port") || token_is(token, "section")))
		return conf_refuse(s->err, s->name, token->line,
				   "%.*s: session policies per port are not in this version, it cuts every session "
				   "at its grant's end; remove it",
				   len, token->text);
	if (other == CONF_TOP)
		return conf_refuse(s->err, s->name, token->line, "%s%s%.*s: unknown key; it belongs outside \"%s { }\"",
				   where, dot, len, token->text, where);
	if (other > 0)
		return conf_refuse(s->err, s->name, token->line, "%s%s%.*s: unknown key; it belongs into \"%s { }\"",
				   where, dot, len, token->text, conf_section_names[other]);
	if (hint)
		return conf_refuse(s->err, s->name, token->line, "%s%s%.*s: unknown key; did you mean \"%s\"?", where,
				   dot, len, token->text, hint);
	return conf_refuse(s->err, s->name, token->line, "%s%s%.*s: unknown key; remove it, or see jitgate.conf(5)",
			   where, dot, len, token->text);
}

/* ---- grammar */

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

static int add_value(struct scanner *s, enum conf_key key, int line)
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
	found->values[found->n_values++] = (struct conf_place){key, line};
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
		r = add_value(s, key, token.line);
		if (r < 0)
			return r;
		r = next_token(s, &token);
		if (r < 0 || token.type == '}')
			return r;
		if (token.type != ',')
			return refuse_token(s, &token, name, ", or }");
	}
}

static int scan_value(struct scanner *s, enum conf_key key)
{
	const struct conf_key_info *info = &conf_keys[key];
	struct token token;
	int r = next_token(s, &token);

	if (r < 0)
		return r;
	if (token.type == TOKEN_APPEND)
		return conf_refuse(s->err, s->name, token.line,
				   "%s: += is not supported; give the whole list once, with =", info->full_name);
	if (token.type != '=')
		return refuse_token(s, &token, info->full_name, "= behind the key");
	r = next_token(s, &token);
	if (r < 0)
		return r;
	if (token.type == '{' && info->is_list)
		return scan_list(s, key);
	if (token.type == '{')
		return conf_refuse(s->err, s->name, token.line, "%s: takes one value, not a list", info->full_name);
	if (!is_value(&token))
		return refuse_token(s, &token, info->full_name, "a value");
	return add_value(s, key, token.line);
}

static int scan_items(struct scanner *s, enum conf_section section);

static int scan_section(struct scanner *s, enum conf_section section, int line)
{
	const char *name = conf_section_names[section];
	struct token token;
	int r;

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
	int key = find_key(section, token);

	if (key < 0)
		return refuse_unknown(s, section, token);
	if (s->found.key_line[key])
		return conf_refuse(s->err, s->name, token->line, "%s: key given twice, first on line %d; keep one",
				   conf_keys[key].full_name, s->found.key_line[key]);
	s->found.key_line[key] = token->line;
	return scan_value(s, key);
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
		sub = section == CONF_TOP ? find_section(&token) : -1;
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
