import { crowd } from './crowd.ts';
import { day } from './day.ts';
import { flood } from './flood.ts';
import { rounds } from './rounds.ts';
import { slowConsumer } from './slow-consumer.ts';

/** `npm run load`: figures of a broker with many connections, with slow ones, and under a flood. Some two minutes. */
for (const load of [crowd, slowConsumer, flood, rounds, day]) await load();
