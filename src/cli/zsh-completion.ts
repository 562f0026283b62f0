/**
 * What zsh needs to complete this command line. It is our own, as that of the completion library evaluates an option that
 * was typed with its value.
 */
export const ZSH_COMPLETION = `#compdef procrastinate

_procrastinate() {
    local line
    local -a found
    # Nothing of what was typed is evaluated.
    for line in "\${(@f)$(procrastinate complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ $line == *$'\\t'* ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    done
    # What is offered for --option=value are values.
    [[ $PREFIX == --*=* ]] && compset -P '*='
    if (( $#found )); then _describe procrastinate found; else _files; fi
}

if [[ $funcstack[1] == _procrastinate ]]; then _procrastinate; else compdef _procrastinate procrastinate; fi`;
