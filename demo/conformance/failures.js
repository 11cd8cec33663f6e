// The tests that failed, each with the builds that it failed on and what the first of them said.

export function createFailures(list) {
  const shown = new Map();

  function show(check, { title, message }) {
    const item = document.createElement('li');
    const [name, builds, said] = ['b', 'span', 'p'].map((tag) => document.createElement(tag));
    name.textContent = check;
    said.textContent = message;
    item.append(name, `: ${title} (`, builds, ')', said);
    list.append(item);
    return { builds, on: [] };
  }

  return {
    /** Adds what failed of a check on a build. */
    add(check, build, failures) {
      list.hidden = false;
      for (const failure of failures) {
        const key = `${check}\n${failure.title}`;
        if (!shown.has(key)) shown.set(key, show(check, failure));
        const { builds, on } = shown.get(key);
        on.push(build);
        builds.textContent = on.join('; ');
      }
    },
    clear() {
      list.hidden = true;
      list.replaceChildren();
      shown.clear();
    },
  };
}
