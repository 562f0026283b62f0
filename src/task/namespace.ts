import { InvalidOptionError, TaskAlreadyRegisteredError } from "../errors.ts";
import { checkName } from "../option-checks.ts";
import { type AnyTask, checkTask } from "./task.ts";

type Group = readonly AnyTask[] | Readonly<Record<string, AnyTask>>;

/**
 * Gives the same tasks under names that begin with `name` and a colon, aliases included: `billing:charge`. What it gives
 * is what an app has and what is deferred; where a handler defers one of the tasks that were put in, its app takes it for
 * the one in the namespace. Namespaces nest: the outer name comes first.
 *
 * @param tasks A list, or an object whose keys stay.
 * @throws InvalidOptionError when a name becomes longer than 128 characters; TaskAlreadyRegisteredError when two are the
 * same.
 */
export function namespace<const Tasks extends Group>(
  name: string,
  tasks: Tasks,
): { readonly [Key in keyof Tasks]: Tasks[Key] } {
  checkName("namespace", name);
  if (typeof tasks !== "object" || tasks === null) {
    throw new InvalidOptionError("tasks", tasks, "is neither a list nor an object of tasks.");
  }
  const taken = new Set<string>();
  const add = (task: AnyTask): AnyTask => {
    const named = inNamespace(name, task);
    for (const each of [named.name, ...named.aliases]) {
      if (taken.has(each)) throw new TaskAlreadyRegisteredError(each);
      taken.add(each);
    }
    return named;
  };
  const named = Array.isArray(tasks)
    ? tasks.map(add)
    : Object.fromEntries(Object.entries(tasks).map(([key, task]) => [key, add(task)]));
  return Object.freeze(named) as { readonly [Key in keyof Tasks]: Tasks[Key] };
}

function inNamespace(name: string, task: AnyTask): AnyTask {
  checkTask("tasks", task);
  const within = (each: string): string => checkName("name", `${name}:${each}`);
  return Object.freeze({ ...task, name: within(task.name), aliases: task.aliases.map(within), origin: task });
}
