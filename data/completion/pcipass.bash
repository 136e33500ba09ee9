# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion for bash: the program itself says what can come next.
_pcipass()
{
	local cur=${COMP_WORDS[COMP_CWORD]} cword=$COMP_CWORD words=("${COMP_WORDS[@]}") candidates
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : cur words cword # addresses have colons
	fi
	mapfile -t candidates < <("${words[0]}" complete -- "${words[@]:1:cword}" 2>/dev/null)
	if [ "${candidates[0]:-}" = :files ]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	COMPREPLY=("${candidates[@]%%$'\t'*}")
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}
complete -F _pcipass pcipass
