import { Check } from "lucide-react";
import { DropdownMenu, Popover as RadixPopover } from "radix-ui";
import type { ReactNode } from "react";

const panel = "z-50 max-h-[80vh] min-w-44 overflow-y-auto rounded-md border border-line bg-surface p-1 shadow-lg";
const row = "flex min-h-8 w-full cursor-pointer items-center gap-2 rounded px-2 py-1 text-sm outline-none select-none data-[highlighted]:bg-hover data-[disabled]:cursor-not-allowed data-[disabled]:opacity-50";

// Menus are not modal: a modal one of Radix locks scrolling with a <style>, which our Content-Security-Policy refuses.

/** A menu that opens from a button. */
export function Menu({ trigger, children, align = "end" }: { trigger: ReactNode; children: ReactNode; align?: "start" | "end" }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align={align} sideOffset={4} collisionPadding={8} className={panel}>{children}</DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** An entry of a menu. danger marks what cannot be undone. */
export function MenuItem({ icon, danger, disabled, onSelect, children }: {
  icon?: ReactNode; danger?: boolean; disabled?: boolean; onSelect: () => void; children: ReactNode;
}) {
  return (
    <DropdownMenu.Item disabled={disabled} onSelect={onSelect} className={`${row} ${danger ? "text-danger" : ""}`}>
      {icon}
      {children}
    </DropdownMenu.Item>
  );
}

/** A line that tells something in a menu. */
export function MenuLabel({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2 pt-2 pb-1 text-xs text-muted">{children}</DropdownMenu.Label>;
}

export function MenuSeparator() {
  return <DropdownMenu.Separator className="my-1 h-px bg-line" />;
}

/** One of several values. */
export function MenuChoice<T extends string>({ label, value, options, onChange }: {
  label: string; value: T; options: readonly (readonly [T, string])[]; onChange: (v: T) => void;
}) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={(v) => onChange(v as T)} aria-label={label}>
      <MenuLabel>{label}</MenuLabel>
      {options.map(([v, name]) => (
        <DropdownMenu.RadioItem key={v} value={v} className={`${row} pl-7 relative`}>
          <DropdownMenu.ItemIndicator className="absolute left-2"><Check size={14} aria-hidden /></DropdownMenu.ItemIndicator>
          {name}
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

/** An entry that is on or off, such as a column of a table; the menu stays open. */
export function MenuToggle({ checked, onChange, children }: { checked: boolean; onChange: (on: boolean) => void; children: ReactNode }) {
  return (
    <DropdownMenu.CheckboxItem checked={checked} onCheckedChange={onChange} onSelect={(e) => e.preventDefault()} className={`${row} pl-7 relative`}>
      <DropdownMenu.ItemIndicator className="absolute left-2"><Check size={14} aria-hidden /></DropdownMenu.ItemIndicator>
      {children}
    </DropdownMenu.CheckboxItem>
  );
}

/** A small panel that opens from a button and holds whatever it is given, such as a form. */
export function Popover({ trigger, label, children, open, onOpenChange, align = "start" }: {
  trigger: ReactNode; label: string; children: ReactNode; open?: boolean; onOpenChange?: (open: boolean) => void; align?: "start" | "end";
}) {
  return (
    <RadixPopover.Root open={open} onOpenChange={onOpenChange}>
      <RadixPopover.Trigger asChild>{trigger}</RadixPopover.Trigger>
      <RadixPopover.Portal>
        <RadixPopover.Content align={align} sideOffset={4} collisionPadding={8} aria-label={label} className={`${panel} max-w-[calc(100vw-1rem)] p-3`}>
          {children}
        </RadixPopover.Content>
      </RadixPopover.Portal>
    </RadixPopover.Root>
  );
}
