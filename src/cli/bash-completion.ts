/**
 * What bash needs to complete this command line. It is our own, as that of the completion library evaluates the words of
 * the line, so that TAB after `$(…)` would run what is in there, and needs the package bash-completion. Words are split at
 * blanks: bash itself would split them at each `=` and `:` too, which are in options and in names of tasks.
 */
export const BASH_COMPLETION = `# bash completion for procrastinate

__procrastinate_complete() {
    local line=\${COMP_LINE:0:COMP_POINT} words current= before= candidate
    # Nothing of what was typed is evaluated.
    IFS=$' \\t\\n' read -r -a words <<< "$line"
    [[ $line == *[[:space:]] ]] || current=\${words[\${#words[@]}-1]}
    [[ -n $current ]] || words+=("")
    # What is offered for --option=value are values.
    [[ $current == --*=* ]] && current=\${current#*=}
    # Bash replaces what comes after the last of these.
    [[ $current == *[=:]* ]] && before=\${current%"\${current##*[=:]}"}
    COMPREPLY=()
    while IFS= read -r candidate; do
        [[ $candidate == "$current"*$'\\t'* ]] || continue
        candidate=\${candidate%%$'\\t'*}
        COMPREPLY+=("\${candidate#"$before"}")
    done < <(procrastinate complete -- "\${words[@]:1}" 2>/dev/null)
}

# Names of files, where the command has nothing to offer.
complete -o default -F __procrastinate_complete procrastinate`;
