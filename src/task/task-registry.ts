import { InvalidOptionError, TaskAlreadyRegisteredError, TaskNotFoundError } from "../errors.ts";
import { type AnyTask, checkTask } from "./task.ts";

/** The tasks of an app by name. */
export class TaskRegistry {
  readonly #tasks = new Map<string, AnyTask>();
  readonly #builtin: ReadonlyMap<string, AnyTask>;

  /**
   * @param builtin Tasks that every app has. They are found, but not among `names`.
   * @throws TaskAlreadyRegisteredError when two tasks have one name; InvalidOptionError for what is no task.
   */
  constructor(tasks: readonly AnyTask[], builtin: readonly AnyTask[] = []) {
    this.#builtin = new Map(builtin.map((task) => [task.name, task]));
    if (!Array.isArray(tasks)) throw new InvalidOptionError("tasks", tasks, "is not an array of tasks.");
    for (const task of tasks) {
      checkTask("tasks", task);
      if (this.#tasks.has(task.name)) throw new TaskAlreadyRegisteredError(task.name);
      this.#tasks.set(task.name, task);
    }
  }

  get names(): readonly string[] {
    return [...this.#tasks.keys()];
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
}
