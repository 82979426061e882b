/** Fields of forms that several pages have. */
import { html, type Markup, when } from './markup.ts'

/** @param isMissing It came without one that the journal can keep. */
export function reasonField(reason: string, isMissing: boolean): Markup {
  return html`<p><label for="reason">Reason</label>
  <span class="hint" id="reason-hint">Stands in the journal for ever, with your name. Say what you know: an incident, a ticket.</span>
  ${when(isMissing, () => html`<span class="field-problem" id="reason-problem">Give a reason, of at most 1000 characters.</span>`)}
  <textarea id="reason" name="reason" rows="3" maxlength="1000" required aria-describedby="${isMissing ? 'reason-problem reason-hint' : 'reason-hint'}" ${isMissing ? html`aria-invalid="true" autofocus` : ''}>${reason}</textarea></p>`
}

export type NumberField = {
  readonly name: string
  readonly label: string
  readonly hint: string
  /** As it was typed. */
  readonly value: string
  readonly min: string
  readonly max: string
  readonly step?: string
  readonly isRequired?: boolean
  /** What is wrong with it. */
  readonly problem?: string | undefined
}

export function numberField({ name, label, hint, value, problem, ...rest }: NumberField): Markup {
  const described = problem === undefined ? `${name}-hint` : `${name}-problem ${name}-hint`
  return html`<p><label for="${name}">${label}</label>
  <span class="hint" id="${name}-hint">${hint}</span>
  ${when(problem !== undefined, () => html`<span class="field-problem" id="${name}-problem">${problem ?? ''}</span>`)}
  <input class="number" type="number" inputmode="decimal" id="${name}" name="${name}" value="${value}" min="${rest.min}" max="${rest.max}" step="${rest.step ?? '1'}" ${rest.isRequired === true ? html`required` : ''} aria-describedby="${described}" ${problem === undefined ? '' : html`aria-invalid="true"`}></p>`
}

/** A date and a time, in UTC, that may be left out. @param value As it was typed. */
export function momentField(name: string, label: string, hint: string, value: string, problem?: string): Markup {
  const described = problem === undefined ? `${name}-hint` : `${name}-problem ${name}-hint`
  return html`<p><label for="${name}">${label}</label>
  <span class="hint" id="${name}-hint">${hint}</span>
  ${when(problem !== undefined, () => html`<span class="field-problem" id="${name}-problem">${problem ?? ''}</span>`)}
  <input class="moment" type="datetime-local" id="${name}" name="${name}" value="${value}" aria-describedby="${described}" ${problem === undefined ? '' : html`aria-invalid="true"`}></p>`
}

export type Choice = { readonly value: string; readonly label: string }

/** One of a few, as radio buttons. */
export function choiceField(
  name: string,
  legend: string,
  choices: readonly Choice[],
  chosen: string | undefined,
  problem?: string,
): Markup {
  return html`<fieldset ${problem === undefined ? '' : html`aria-describedby="${name}-problem"`}><legend>${legend}</legend>
${when(problem !== undefined, () => html`<p class="field-problem" id="${name}-problem">${problem ?? ''}</p>`)}
${choices.map(
  ({ value, label }) =>
    html`<p class="choice"><input type="radio" id="${name}-${value === '' ? 'any' : value}" name="${name}" value="${value}" required ${chosen === value ? html`checked` : ''}><label for="${name}-${value === '' ? 'any' : value}">${label}</label></p>`,
)}
</fieldset>`
}

export function hiddenField(name: string, value: string): Markup {
  return html`<input type="hidden" name="${name}" value="${value}">`
}

/** A number within its bounds; `undefined` for what is none. */
export function numberIn(typed: string, min: number, max: number): number | undefined {
  const value = typed === '' ? Number.NaN : Number(typed)
  return value >= min && value <= max ? value : undefined
}
