import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import extractTsConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { describe, expect, it } from 'vitest';

async function cruiseTheHouse(): Promise<ICruiseResult> {
  const options = await extractOptions('./.dependency-cruiser.cjs');
  const tsConfig = extractTsConfig('./tsconfig.json');
  const result = await cruise(['lib', 'functions', 'infra'], options, undefined, { tsConfig });
  return result.output as ICruiseResult;
}

describe('the arrows of the house', () => {
  it('are kept by every import', async () => {
    const { summary } = await cruiseTheHouse();
    expect(summary.totalCruised).toBeGreaterThan(50);
    expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
  });
});
