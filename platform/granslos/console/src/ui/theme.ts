/** Light or dark, and the language: a person's choice, kept in the browser. */

import { DICTIONARIES, type Dictionary, type Language } from "../i18n";
import { store, type Theme, useApp } from "./store";

const THEME_KEY = "granslos.theme";
const LANGUAGE_KEY = "granslos.language";

function apply(theme: Theme, language: Language): void {
  document.documentElement.dataset.theme = theme;
  document.documentElement.lang = language;
}

export function loadPreferences(): void {
  const kept = localStorage.getItem(THEME_KEY);
  const preferred: Theme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  const theme = kept === "light" || kept === "dark" ? kept : preferred;
  const language: Language = localStorage.getItem(LANGUAGE_KEY) === "en" ? "en" : "sv";
  apply(theme, language);
  store.set({ theme, language });
}

export function toggleTheme(): void {
  const { theme: before, language } = store.get();
  const theme: Theme = before === "dark" ? "light" : "dark";
  localStorage.setItem(THEME_KEY, theme);
  apply(theme, language);
  store.set({ theme });
}

export function toggleLanguage(): void {
  const { theme, language: before } = store.get();
  const language: Language = before === "sv" ? "en" : "sv";
  localStorage.setItem(LANGUAGE_KEY, language);
  apply(theme, language);
  store.set({ language });
}

export const useWords = (): Dictionary => DICTIONARIES[useApp((app) => app.language)];
