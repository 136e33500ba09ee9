# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for fish: the program itself says what can come next.
function __pcipass_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] complete -- $words[2..-1] 2>/dev/null)
    if test "$lines[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $lines
    end
end
complete -c pcipass -f -a '(__pcipass_complete)'
