import { InvalidOptionError, TaskAlreadyRegisteredError, TaskNotFoundError } from "../errors.ts";
import { type AnyTask, checkTask } from "./task.ts";

/** The tasks of an app by their names and aliases. */
export class TaskRegistry {
  readonly #tasks = new Map<string, AnyTask>();
  readonly #names: readonly string[];
  /** By what was put into a namespace. */
  readonly #inNamespaces = new Map<AnyTask, AnyTask[]>();
  readonly #builtin: ReadonlyMap<string, AnyTask>;

  /**
   * @param builtin Tasks that every app has. They are found, but not among `names`.
   * @throws TaskAlreadyRegisteredError when two tasks have one name; InvalidOptionError for what is no task.
   */
  constructor(tasks: readonly AnyTask[], builtin: readonly AnyTask[] = []) {
    this.#builtin = new Map(builtin.map((task) => [task.name, task]));
    if (!Array.isArray(tasks)) throw new InvalidOptionError("tasks", tasks, "is not an array of tasks.");
    for (const task of tasks as readonly AnyTask[]) {
      checkTask("tasks", task);
      for (const name of [task.name, ...task.aliases]) {
        if (this.#tasks.has(name) || this.#builtin.has(name)) throw new TaskAlreadyRegisteredError(name);
        this.#tasks.set(name, task);
      }
      for (let origin = task.origin; origin; origin = origin.origin) {
        this.#inNamespaces.set(origin, [...(this.#inNamespaces.get(origin) ?? []), task]);
      }
    }
    this.#names = (tasks as readonly AnyTask[]).map(({ name }) => name);
  }

  /** Without the aliases. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Some task can be run here, not only deferred. */
  get hasRunnable(): boolean {
    return [...this.#tasks.values()].some((task) => task.run !== undefined);
  }

  find(name: string): AnyTask | undefined {
    return this.#builtin.get(name) ?? this.#tasks.get(name);
  }

  /** @throws TaskNotFoundError */
  get(name: string): AnyTask {
    const task = this.find(name);
    if (!task) throw new TaskNotFoundError(name, this.names);
    return task;
  }

  get hasNamespaces(): boolean {
    return this.#inNamespaces.size > 0;
  }

  /**
   * What to defer for a task: the one in a namespace where it was put into one, else itself. So the handlers of a group
   * of tasks defer each other without knowing where the app put them.
   *
   * @throws InvalidOptionError when the app has it in several namespaces.
   */
  resolve(task: AnyTask): AnyTask {
    const [named, ...others] = this.#inNamespaces.get(task) ?? [];
    if (!named || this.#tasks.get(task.name) === task) return task;
    if (others.length === 0) return named;
    const names = [named, ...others].map(({ name }) => name).join(", ");
    throw new InvalidOptionError("task", task.name, `is in several namespaces: defer one of ${names}.`);
  }
}
