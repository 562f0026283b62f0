import type { Child } from "../../../../test/support/child.ts";
import type { Report } from "../../../orders-demo/report.ts";
import type { Shop } from "../../../orders-demo/shop.ts";
import type { Stage } from "../stage.ts";

/** What a step of the demo works with. */
export interface Scene {
  readonly stage: Stage;
  readonly shop: Shop;
  readonly report: Report;
  /** The worker that is at work; a step that ends one puts another in its place. */
  worker: Child;
}

export interface Step {
  readonly title: string;
  play(scene: Scene): Promise<void>;
}
